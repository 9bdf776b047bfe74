"""One writer a run: a lock file in its folder, which the system lets go of when the process ends."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import RunHeld, StoreError

LOOKS = 10


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder, which is made where it is missing.

    Raises:
        RunHeld: another process or job is writing this run.
        StoreError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / "lock").open("w")
    except OSError as error:
        raise StoreError(f"run {folder.name} cannot be written: {error.strerror or error}") from error
    with handle:
        for attempt in range(LOOKS):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if attempt == LOOKS - 1:
                    raise RunHeld(
                        f"run {folder.name} is being written by another job: wait for it"
                    ) from error
                time.sleep(0.1)  # somebody who only looks whether it is held lets go at once
        yield


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
