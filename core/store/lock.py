"""One writer a run: a lock file in its folder, which the system lets go of when the process ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from core.errors import RunHeld, StoreError

LOOKS = 10


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder, which is made where it is missing.

    Raises:
        RunHeld: another process or job is writing this run.
        StoreError: the folder cannot be written.
    """
    for attempt in range(LOOKS):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = (folder / "lock").open("w")
        except OSError as error:
            raise StoreError(f"run {folder.name} cannot be written: {error.strerror or error}") from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if attempt == LOOKS - 1:
                    raise RunHeld(f"run {folder.name} is being written by another job: wait for it") from None
                time.sleep(0.1)  # somebody who only looks whether it is held lets go at once
                continue
            if not _is_still_there(handle, folder / "lock"):
                continue  # the folder went to the trash meanwhile, its lock with it
            yield
            return
    raise RunHeld(f"run {folder.name} is being deleted by another job: wait for it")


def _is_still_there(handle: TextIO, path: Path) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False


def is_held(folder: Path) -> bool:
    """Whether somebody writes the run now. A shared lock: those who look do not disturb each other."""
    try:
        with (folder / "lock").open() as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False
