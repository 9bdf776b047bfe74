"""Runs that were deleted, until the trash is emptied: a run's folder moved aside, its journal with it.

States that a run keeps elsewhere stay there, and are deleted as the trash is emptied.
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.errors import StoreError
from core.store.disk import folder_bytes
from core.store.journal import Journal
from core.store.places import remove_states


@dataclass(frozen=True)
class Trashed:
    """A folder in the trash.

    Attributes:
        name: in the trash; run: the id that it had; at: when it was deleted, UTC, ISO 8601.
    """

    folder: Path
    run: str
    at: str

    @property
    def name(self) -> str:
        """How to tell it from another deletion of the same run."""
        return self.folder.name

    @property
    def bytes(self) -> int:
        """On the disk; states that are kept elsewhere are not counted."""
        return folder_bytes(self.folder)


class Trash:
    """The trash of a cache folder."""

    def __init__(self, cache: Path) -> None:
        self.folder = cache / "trash"

    def put(self, folder: Path) -> None:
        """Move a run's folder here; one that is not there is no mistake.

        Raises:
            StoreError: it cannot be moved.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            folder.rename(self.folder / f"{folder.name}-{stamp}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(
                f"{folder.name} cannot be moved to the trash: {error.strerror or error}"
            ) from error

    def take(self, entry: Trashed, to: Path) -> None:
        """Move a folder out of the trash.

        Raises:
            StoreError: it cannot be moved.
        """
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            entry.folder.rename(to)
        except OSError as error:
            raise StoreError(f"{entry.name} cannot be restored: {error.strerror or error}") from error

    def entries(self) -> list[Trashed]:
        """What is in the trash, the last deleted first."""
        found = []
        for folder in self.folder.glob("*-*") if self.folder.is_dir() else ():
            run, _, stamp = folder.name.rpartition("-")
            try:
                at = datetime.strptime(stamp, "%Y%m%dT%H%M%S.%f").isoformat(timespec="seconds")
            except ValueError:
                continue
            found.append(Trashed(folder, run, at))
        return sorted(found, key=lambda entry: (entry.at, entry.name), reverse=True)

    def find(self, name: str) -> Trashed:
        """An entry by its name, or the last deleted one of a run, at best one that can be restored.

        Raises:
            StoreError: there is none.
        """
        fitting = [entry for entry in self.entries() if name in (entry.name, entry.run)]
        whole = [entry for entry in fitting if Journal(entry.folder).tells_of_a_run]
        for entry in (*whole, *fitting):
            return entry
        known = ", ".join(entry.name for entry in self.entries()) or "it is empty"
        raise StoreError(f"the trash has no run {name!r}: {known}")

    def empty(self) -> int:
        """Delete all that is in the trash for good; gives the bytes that this frees, here and elsewhere.

        Raises:
            StoreError: something cannot be deleted, or lies in a place out of reach.
        """
        freed = 0
        for entry in self.entries():
            freed += entry.bytes + remove_states(entry.folder)
            try:
                shutil.rmtree(entry.folder)
            except OSError as error:
                raise StoreError(f"{entry.name} cannot be deleted: {error.strerror or error}") from error
        return freed
