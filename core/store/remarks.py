"""What people say of a run: tags to find it by, and a note. Laid beside a run, never written into it.

The last that was said stands. It is journalled beside the states as decisions are, and outlives the run as
they do: it is there again when the run is restored from the trash, or repeated.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from core.errors import StoreError
from core.shown import quoted
from core.store.database import Database
from core.store.record import PUT_REMARKS, REMARKS, note

LONGEST_TAG, MOST_TAGS, LONGEST_NOTE = 40, 20, 2_000
"""Characters of a tag, tags of a run, characters of a note."""


@dataclass(frozen=True)
class Remarks:
    """What is said of one run: its tags in the order in which they were given, and the note."""

    tags: tuple[str, ...] = ()
    note: str = ""


class RemarkStore:
    """The remarks on every run in a cache folder."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.database = Database(cache)

    def of(self, run: str) -> Remarks:
        """What is said of a run; nothing of one that is not known."""
        with self.database.connect() as connection:
            return _of(connection, run)

    def all(self) -> dict[str, Remarks]:
        """What is said of each run of which something is, by its id."""
        with self.database.connect() as connection:
            rows = connection.execute("SELECT run, tags, note FROM remarks").fetchall()
        return {row["run"]: _remarks(row) for row in rows}

    def tag(self, run: str, tags: Iterable[str]) -> Remarks:
        """Add tags to a run; one that it has, in capitals or not, stays as it is.

        Raises:
            StoreError: a tag is empty, too long or not one word, or there would be too many.
        """
        added = [_checked(tag) for tag in tags]
        return self._change(run, lambda known: replace(known, tags=_together(known.tags, added)))

    def untag(self, run: str, tags: Iterable[str]) -> Remarks:
        """Take tags from a run, in capitals or not.

        Raises:
            StoreError: the run has no such tag.
        """
        gone = list(tags)

        def without(known: Remarks) -> Remarks:
            has = {tag.casefold() for tag in known.tags}
            for tag in gone:
                if tag.casefold() not in has:
                    there = f"its tags are {', '.join(known.tags)}" if known.tags else "it has no tags"
                    raise StoreError(f"run {run} has no tag {quoted(tag)}: {there}")
            left = {tag.casefold() for tag in gone}
            return replace(known, tags=tuple(tag for tag in known.tags if tag.casefold() not in left))

        return self._change(run, without)

    def set_note(self, run: str, text: str) -> Remarks:
        """Put a note in the place of the one before; an empty one takes it away.

        Raises:
            StoreError: it is too long.
        """
        said = _checked_note(text)
        return self._change(run, lambda known: replace(known, note=said))

    def put(self, run: str, tags: Iterable[str], text: str) -> Remarks:
        """Put tags and a note in the place of all that was said before.

        Raises:
            StoreError: see `tag` and `set_note`.
        """
        said = Remarks(_together((), [_checked(tag) for tag in tags]), _checked_note(text))
        return self._change(run, lambda known: said)

    def take_in(self, run: str, others: Remarks) -> None:
        """Add what is said of the same run in another cache; the note where there is none here yet.

        Tags beyond the most that a run may have are left out.
        """

        def joined(known: Remarks) -> Remarks:
            room = MOST_TAGS - len(known.tags)
            has = {tag.casefold() for tag in known.tags}
            new = [tag for tag in others.tags if tag.casefold() not in has][:room]
            return Remarks(_together(known.tags, new), known.note or others.note)

        if others != Remarks():
            self._change(run, joined)

    def _change(self, run: str, change: Callable[[Remarks], Remarks]) -> Remarks:
        with self.database.connect() as connection:
            connection.execute("BEGIN IMMEDIATE")  # else of two people's tags at once one would be lost
            known = _of(connection, run)
            changed = change(known)
            if changed != known:
                # To the microsecond: two remarks of one second are told apart where a journal is replayed.
                at = datetime.now(UTC).isoformat(timespec="microseconds")
                row = dict(zip(REMARKS, (json.dumps(changed.tags), changed.note, at), strict=True))
                connection.execute(PUT_REMARKS, (run, *row.values()))
                note(self.cache, connection, run, ("remarks", row))
            return changed


def _of(connection: sqlite3.Connection, run: str) -> Remarks:
    row = connection.execute("SELECT tags, note FROM remarks WHERE run = ?", (run,)).fetchone()
    return Remarks() if row is None else _remarks(row)


def _remarks(row: sqlite3.Row) -> Remarks:
    return Remarks(tuple(json.loads(row["tags"])), row["note"])


def _checked(tag: str) -> str:
    tag = tag.strip()
    if not tag or any(mark.isspace() or not mark.isprintable() for mark in tag):
        raise StoreError(f"tag {quoted(tag)} is not one word: join its parts by a hyphen")
    if len(tag) > LONGEST_TAG:
        raise StoreError(f"tag {quoted(tag)} has {len(tag)} characters: the longest is {LONGEST_TAG}")
    return tag


def _checked_note(text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST_NOTE:
        raise StoreError(f"the note has {len(text):,} characters: the longest is {LONGEST_NOTE:,}")
    return text


def _together(known: tuple[str, ...], added: Iterable[str]) -> tuple[str, ...]:
    """Tags once each, whatever their capitals."""
    first: dict[str, str] = {}
    for tag in (*known, *added):
        first.setdefault(tag.casefold(), tag)
    kept = tuple(first.values())
    if len(kept) > MOST_TAGS:
        raise StoreError(f"a run may have {MOST_TAGS} tags, and would have {len(kept)}: take some away first")
    return kept
