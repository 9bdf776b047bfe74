"""A folder that is written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import StoreError
from core.shown import LONGEST_PATH, named


def whole_path(path: Path) -> Path:
    """A path from the root on, its `~` expanded. Raises `StoreError` where that is the home of nobody."""
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise StoreError(f"{named(path, LONGEST_PATH)} cannot be written: nobody has that home") from error


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `target` at the end; nothing stays where the end is not reached.

    Raises:
        StoreError: the target is there already, or cannot be written.
    """
    called = named(target, LONGEST_PATH)
    try:
        if os.path.lexists(target):
            raise StoreError(f"{called} is there already: choose another folder")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".telltale-") as scratch:
            folder = Path(scratch) / "whole"
            folder.mkdir()
            yield folder
            folder.rename(target)
    except OSError as error:
        raise StoreError(f"{called} cannot be written: {error.strerror or error}") from error
