"""What every refusal has to be, and what it has to leave alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import TelltaleError

LONGEST = 1000


def accepted(call: Callable, *arguments: Any) -> Any:
    """What the call gives, or None where it refuses; anything else that it raises fails the test."""
    try:
        return call(*arguments)
    except TelltaleError as error:
        is_sentence(str(error))
        return None


def is_sentence(text: str) -> None:
    """One line of words that can be seen, not too long, of this program's making."""
    assert 10 < len(text) < LONGEST, text[:LONGEST]
    assert text.isprintable(), ascii(text)
    assert "Traceback" not in text and " object at 0x" not in text


def listing(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with its content, every folder with None."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@contextmanager
def nothing_beside(cache: Path) -> Iterator[None]:
    """Fails where something around the cache folder, in the folder that holds it, is another than before."""
    before = _beside(cache)
    yield
    assert _beside(cache) == before


def _beside(cache: Path) -> dict[str, bytes | None]:
    inside = f"{cache.name}/"
    return {name: content for name, content in listing(cache.parent).items() if not name.startswith(inside)}
