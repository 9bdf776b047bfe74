"""How much folders hold, measured in the background: a run of many chunks takes a while to look through."""

import threading
from collections import deque
from collections.abc import Callable, Hashable
from pathlib import Path

from core.store.disk import folder_bytes


class FolderSizes:
    """Sizes of folders, measured one after the other by a thread that ends when all are; safe from any.

    Args:
        measure: gives the bytes that the files below a folder hold.
    """

    def __init__(self, measure: Callable[[Path], int] = folder_bytes) -> None:
        self._measure = measure
        self._lock = threading.Lock()
        self._stamps: dict[Path, Hashable] = {}
        self._known: dict[Path, int] = {}
        self._waiting: deque[Path] = deque()
        self._at_work = False

    def of(self, folder: Path, stamp: Hashable) -> int | None:
        """What a folder held when it was last measured, in bytes; None where it never was.

        Args:
            stamp: measured once for each; another one has the folder measured anew.
        """
        with self._lock:
            if folder not in self._stamps or self._stamps[folder] != stamp:
                self._stamps[folder] = stamp
                if folder not in self._waiting:
                    self._waiting.append(folder)
                if not self._at_work:
                    self._at_work = True
                    threading.Thread(target=self._work, name="folder sizes", daemon=True).start()
            return self._known.get(folder)

    @property
    def left(self) -> int:
        """How many folders are still to be measured."""
        with self._lock:
            return len(self._waiting)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._at_work = False
                    return
                folder = self._waiting[0]
            size = self._measure(folder)
            with self._lock:
                self._known[folder] = size
                self._waiting.popleft()


SIZES = FolderSizes()
"""Those of this process."""
