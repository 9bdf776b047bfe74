"""What was computed before and is kept, with the settings that it was computed with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.derived import derived_path, load_derived

MOST = 200
"""Results that are looked at, the newest first."""


def kept_results(cache: Path, kind: str) -> Iterator[Any]:
    """The results of a kind, of whatever run and standing: who takes one asks whether it is of theirs.

    Args:
        kind: as `core.derived.derived_path` has it.
    """
    folder = derived_path(cache, kind, []).parent
    if not folder.is_dir():
        return
    newest = sorted(folder.glob("*.joblib"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest[:MOST]:
        if (found := load_derived(path)) is not None:
            yield found
