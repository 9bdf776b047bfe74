"""What a run's rows are, written beside its states before the database has them: a second copy of each.

One line an entry: a checksum, its kind, its content as JSON. Each is appended by one write, so that several
processes may; an entry that was cut off is skipped by its checksum, and spoils no other. Where the database
is damaged, runs, answers and decisions are read from here.
"""

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from core.errors import StoreError

NAME = "journal.jsonl"
SET_ASIDE = "set-aside"
"""The kind of entry that takes answers out of a run."""


class Journal:
    """The journal in a run's folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    @property
    def is_there(self) -> bool:
        """Whether anything was ever written; runs of older versions have no journal."""
        return self.path.is_file()

    @property
    def tells_of_a_run(self) -> bool:
        """Whether a run can be made from it, and not its decisions alone."""
        return any(kind == "run" for kind, _ in self.entries())

    def answers(self) -> set[int]:
        """The answers that a run made from it would have."""
        found: set[int] = set()
        for kind, content in self.entries():
            if kind == "answers":
                place = content["columns"].index("answer")
                found.update(row[place] for row in content["rows"])
            elif kind == SET_ASIDE:
                found.difference_update(content)
        return found

    def create(self, entries: Iterable[tuple[str, Any]]) -> None:
        """Begin a journal with entries, all of them or none.

        Raises:
            StoreError: see `append`.
        """
        part = self.path.with_suffix(".part")
        try:
            with part.open("w", encoding="utf-8") as lines:
                for kind, content in entries:
                    lines.write(f"\n{_line(kind, content)}")
            part.replace(self.path)
        except OSError as error:
            raise _unwritable(error) from error

    def append(self, *entries: tuple[str, Any]) -> None:
        """Write entries, each a kind, a word without blanks, and its content, which JSON can hold.

        Raises:
            StoreError: the disk is full or the folder cannot be written.
        """
        # A line break before each, not after: an entry that was cut off is then ended by the next.
        text = "".join(f"\n{_line(kind, content)}" for kind, content in entries).encode()
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                if (written := os.write(handle, text)) < len(text):
                    raise OSError(f"{written:,} of {len(text):,} bytes fitted on the disk")
            finally:
                os.close(handle)
        except OSError as error:
            raise _unwritable(error) from error

    def entries(self) -> Iterator[tuple[str, Any]]:
        """Every whole entry, the oldest first."""
        try:
            with self.path.open("rb") as lines:
                for line in lines:
                    if (entry := _read(line.strip(b"\n"))) is not None:
                        yield entry
        except FileNotFoundError:
            return


def _unwritable(error: OSError) -> StoreError:
    return StoreError(f"a journal cannot be written: {error.strerror or error}; nothing before is lost")


def _line(kind: str, content: Any) -> str:
    assert " " not in kind
    body = f"{kind} {json.dumps(content)}"
    return f"{zlib.crc32(body.encode()):08x} {body}"


def _read(line: bytes) -> tuple[str, Any] | None:
    """The entry of a line, None where it is empty, cut off or changed."""
    checksum, _, body = line.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(body):
            return None
        kind, _, content = body.decode().partition(" ")
        return kind, json.loads(content)
    except ValueError:
        return None
