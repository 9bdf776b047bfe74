"""The one SQLite database of a cache folder: schema and connections. Write-ahead log: readers never wait.

The schema has a number. An older one is brought up to date after a copy of the file is kept beside it, and a
newer one is left alone.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import DamagedDatabase, StoreError

NAME = "telltale.sqlite"
VERSION = 3
"""Of the schema. Caches from before it had a number are 0."""
PATIENCE = 60.0
"""Seconds that a connection waits while another process writes."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, settings TEXT NOT NULL, facts TEXT NOT NULL,
    planned INTEGER NOT NULL, complete INTEGER NOT NULL DEFAULT 0, started TEXT NOT NULL, ended TEXT
);
CREATE TABLE IF NOT EXISTS questions (
    run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, number INTEGER NOT NULL, question TEXT NOT NULL,
    text TEXT NOT NULL, claim TEXT, label INTEGER NOT NULL, choice_0 TEXT NOT NULL, choice_1 TEXT NOT NULL,
    source TEXT NOT NULL, "group" TEXT NOT NULL, PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, answer INTEGER NOT NULL, number INTEGER NOT NULL,
    mode TEXT NOT NULL, wording INTEGER NOT NULL, "order" INTEGER NOT NULL, demo_set INTEGER NOT NULL,
    sample INTEGER NOT NULL, generated TEXT NOT NULL, ids TEXT NOT NULL, said INTEGER, said_start INTEGER,
    said_end INTEGER, p_0 REAL NOT NULL, p_1 REAL NOT NULL, outside REAL NOT NULL, leans INTEGER NOT NULL,
    leans_calibrated INTEGER NOT NULL, "offset" REAL NOT NULL, spellings TEXT NOT NULL, top TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, outcome TEXT, named TEXT, first_token INTEGER, tokens INTEGER,
    not_finite INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, answer)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calibrations (
    run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, mode TEXT NOT NULL, wording INTEGER NOT NULL,
    "order" INTEGER NOT NULL, demo_set INTEGER NOT NULL, method TEXT NOT NULL, fitted_in TEXT NOT NULL,
    "offset" REAL NOT NULL, slope REAL NOT NULL, n INTEGER NOT NULL, rises INTEGER NOT NULL,
    PRIMARY KEY (run, mode, wording, "order", demo_set)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS steps (
    step INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL,
    scores_shown INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'done'
);
CREATE TABLE IF NOT EXISTS decisions (
    step INTEGER NOT NULL REFERENCES steps ON DELETE CASCADE, answer INTEGER NOT NULL,
    action TEXT NOT NULL, reason TEXT NOT NULL, blind INTEGER, everywhere INTEGER NOT NULL DEFAULT 0,
    origin TEXT NOT NULL DEFAULT '', PRIMARY KEY (step, answer)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (run TEXT PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS margins (run TEXT PRIMARY KEY, margin REAL NOT NULL);
CREATE TABLE IF NOT EXISTS remarks (
    run TEXT PRIMARY KEY, tags TEXT NOT NULL, note TEXT NOT NULL, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS judgements (
    judged TEXT NOT NULL, configuration TEXT NOT NULL, trained TEXT NOT NULL, what TEXT NOT NULL,
    auroc REAL NOT NULL, at TEXT NOT NULL, PRIMARY KEY (judged, configuration)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS steps_of_run ON steps (run, step);
CREATE INDEX IF NOT EXISTS answers_to_question ON answers (run, number);
CREATE TABLE IF NOT EXISTS own_reports (
    run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, answer INTEGER NOT NULL, asked TEXT NOT NULL,
    yes_first REAL NOT NULL, no_first REAL NOT NULL, outside REAL NOT NULL, PRIMARY KEY (run, answer)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS templates (name TEXT PRIMARY KEY, content TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS statement_sets (name TEXT PRIMARY KEY, content TEXT NOT NULL, at TEXT NOT NULL);
"""

# What older caches lack. `blind` is unknown there, but where scores were on screen it certainly was not.
ADDED = {
    "outcome": "ALTER TABLE answers ADD COLUMN outcome TEXT",
    "named": "ALTER TABLE answers ADD COLUMN named TEXT",
    "first_token": "ALTER TABLE answers ADD COLUMN first_token INTEGER",
    "tokens": "ALTER TABLE answers ADD COLUMN tokens INTEGER",
    "not_finite": "ALTER TABLE answers ADD COLUMN not_finite INTEGER NOT NULL DEFAULT 0",
    "blind": "ALTER TABLE decisions ADD COLUMN blind INTEGER",
    "everywhere": "ALTER TABLE decisions ADD COLUMN everywhere INTEGER NOT NULL DEFAULT 0",
    "origin": "ALTER TABLE decisions ADD COLUMN origin TEXT NOT NULL DEFAULT ''",
}
NOT_FINITE = "CREATE INDEX IF NOT EXISTS not_finite ON answers (run, answer) WHERE not_finite"
NOT_BLIND = "UPDATE decisions SET blind = 0 WHERE step IN (SELECT step FROM steps WHERE scores_shown)"
DAMAGED = ("malformed", "not a database", "no such table")
"""What SQLite says of a file whose pages are not what they were."""


class Database:
    """Short connections to one file; safe from any thread and beside other processes.

    Args:
        name: of the file, another than usual only while a damaged one is made anew.

    Raises:
        DamagedDatabase: the file is not what it was.
        StoreError: it is a newer program's, or cannot be written; says what to do.
    """

    def __init__(self, cache: Path, name: str = NAME) -> None:
        self.path = cache / name
        with self._connected("rwc") as connection:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found > VERSION:
                raise StoreError(
                    f"{NAME} in the cache was written by a newer Telltale (schema {found}, this one knows "
                    f"{VERSION}): update Telltale, or choose another folder with --cache"
                )
            connection.execute("PRAGMA journal_mode = WAL")
            if found < VERSION:
                self._bring_up_to_date(connection)

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """A connection whose work is committed at the end, and rolled back on any error.

        Raises:
            StoreError: the database cannot be read or written; says why.
        """
        with self._connected("rw") as connection, connection:
            yield connection

    def faults(self) -> list[str]:
        """What SQLite finds wrong in the file, at most ten findings; none where it is sound.

        Raises:
            StoreError: so much is wrong that it cannot look.
        """
        with self.connect() as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]
        return [] if found == ["ok"] else found

    @contextmanager
    def _connected(self, mode: str) -> Iterator[sqlite3.Connection]:
        """A connection; `mode` rwc makes the file where it is missing, which only the first may do."""
        connection = None
        try:
            connection = sqlite3.connect(f"{self.path.as_uri()}?mode={mode}", uri=True, timeout=PATIENCE)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            yield connection
        except sqlite3.Error as error:
            kind = DamagedDatabase if any(mark in str(error) for mark in DAMAGED) else StoreError
            raise kind(f"{NAME} in the cache cannot be used: {_in_words(error)}") from error
        finally:
            if connection is not None:
                connection.close()

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        """Make what an empty or older file lacks; of an older one a copy is kept first."""
        connection.execute("BEGIN IMMEDIATE")  # another process may be at the same
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found < VERSION:
            if _tables(connection):
                self._keep_copy(found)
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            lacking = _lacking(connection)
            for name in lacking:
                connection.execute(ADDED[name])
            if "blind" in lacking:
                connection.execute(NOT_BLIND)
            connection.execute(NOT_FINITE)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.commit()

    def _keep_copy(self, version: int) -> None:
        """Copy the file as it was last committed to `telltale.sqlite.version-N`, whole or not at all."""
        kept = self.path.with_name(f"{NAME}.version-{version}")
        if kept.exists():
            return
        part = kept.with_name(f"{kept.name}.part")
        part.unlink(missing_ok=True)
        source, target = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True), sqlite3.connect(part)
        try:
            source.backup(target)
        finally:
            source.close()
            target.close()
        part.replace(kept)


def _in_words(error: sqlite3.Error) -> str:
    """SQLite's words, and what to do about them."""
    said = str(error)
    if any(mark in said for mark in DAMAGED):
        return f"{said}; `telltale doctor --repair` rebuilds it from what lies beside the states"
    if "locked" in said or "busy" in said:
        return f"another program has been writing it for {PATIENCE:.0f} s; try again when that is done"
    if "full" in said or "disk I/O" in said:
        return f"{said}; make room and go on: what is committed is kept"
    if "unable to open" in said:
        return f"{said}; is the cache folder still there, and may you write it?"
    return said


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _lacking(connection: sqlite3.Connection) -> list[str]:
    """The columns of answers and decisions that an older cache does not have yet."""
    tables = ("answers", "decisions")
    there = {row["name"] for t in tables for row in connection.execute(f"PRAGMA table_info({t})")}
    return [name for name in ADDED if name not in there]
