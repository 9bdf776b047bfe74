"""Reads files that a person names: ordinary ones, no larger than what is asked for can be."""

import re
from collections.abc import Iterator
from pathlib import Path

from core.errors import TelltaleError
from core.shown import LONGEST_PATH, named


def read_file(name: Path | str, most: int, kind: type[TelltaleError]) -> bytes:
    """The content of a file; pipes, devices and folders are refused unread, for they may never end.

    Args:
        most: bytes that it may have.
        kind: what to raise.

    Raises:
        TelltaleError: of that kind: it is missing, no ordinary file, too large, or cannot be read.
    """
    try:
        path = Path(name).expanduser()
        size = path.stat().st_size
        if not path.is_file():
            raise kind(f"{named(name, LONGEST_PATH)} cannot be read: it is no ordinary file")
        if size > most:
            raise kind(f"{named(name, LONGEST_PATH)} has {size:,} bytes: at most {most:,} can be read")
        return path.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise kind(f"{named(name, LONGEST_PATH)} cannot be read: {named(reason)}") from error


def read_text_file(name: Path | str, most: int, kind: type[TelltaleError]) -> str:
    """The content of a file as text, without a byte-order mark; arguments and refusals as in `read_file`."""
    try:
        return read_file(name, most, kind).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise kind(
            f"{named(name, LONGEST_PATH)} cannot be read: it is not UTF-8 text; save it as UTF-8"
        ) from error


def text_lines(text: str) -> Iterator[str]:
    """A text's lines with their ends, of any kind, as `csv.reader` wants them, one after the other.

    A list of them, or `io.StringIO`, takes many times the memory of the text itself.
    """
    return (found[0] for found in re.finditer(r"[^\r\n]*+(?:\r\n?|\n)|[^\r\n]++", text))
