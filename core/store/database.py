"""The one SQLite database of a cache folder: schema and connections. Write-ahead log: readers never wait."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import StoreError

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
CREATE TABLE IF NOT EXISTS judgements (
    judged TEXT NOT NULL, configuration TEXT NOT NULL, trained TEXT NOT NULL, what TEXT NOT NULL,
    auroc REAL NOT NULL, at TEXT NOT NULL, PRIMARY KEY (judged, configuration)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS steps_of_run ON steps (run, step);
CREATE INDEX IF NOT EXISTS answers_to_question ON answers (run, number);
CREATE TABLE IF NOT EXISTS templates (name TEXT PRIMARY KEY, content TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS statement_sets (name TEXT PRIMARY KEY, content TEXT NOT NULL, at TEXT NOT NULL);
"""

# What older caches lack. `blind` is unknown there, but where scores were on screen it certainly was not.
ADDED = {
    "outcome": "ALTER TABLE answers ADD COLUMN outcome TEXT",
    "named": "ALTER TABLE answers ADD COLUMN named TEXT",
    "first_token": "ALTER TABLE answers ADD COLUMN first_token INTEGER",
    "tokens": "ALTER TABLE answers ADD COLUMN tokens INTEGER",
    "blind": "ALTER TABLE decisions ADD COLUMN blind INTEGER",
    "everywhere": "ALTER TABLE decisions ADD COLUMN everywhere INTEGER NOT NULL DEFAULT 0",
    "origin": "ALTER TABLE decisions ADD COLUMN origin TEXT NOT NULL DEFAULT ''",
}
NOT_BLIND = "UPDATE decisions SET blind = 0 WHERE step IN (SELECT step FROM steps WHERE scores_shown)"


class Database:
    """Short connections to one file; safe from any thread and beside other processes."""

    def __init__(self, cache: Path) -> None:
        self.path = cache / "telltale.sqlite"
        with self.connect() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(SCHEMA)
            if _lacking(connection):
                connection.execute("BEGIN IMMEDIATE")  # another process may be at the same
                lacking = _lacking(connection)
                for name in lacking:
                    connection.execute(ADDED[name])
                if "blind" in lacking:
                    connection.execute(NOT_BLIND)

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """A connection whose work is committed at the end, and rolled back on any error.

        Raises:
            StoreError: the database cannot be read or written; says why.
        """
        connection = None
        try:
            connection = sqlite3.connect(self.path, timeout=30)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            with connection:
                yield connection
        except sqlite3.Error as error:
            raise StoreError(f"{self.path.name} in the cache cannot be used: {error}") from error
        finally:
            if connection is not None:
                connection.close()


def _lacking(connection: sqlite3.Connection) -> list[str]:
    """The columns of answers and decisions that an older cache does not have yet."""
    tables = ("answers", "decisions")
    there = {row["name"] for t in tables for row in connection.execute(f"PRAGMA table_info({t})")}
    return [name for name in ADDED if name not in there]
