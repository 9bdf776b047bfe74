"""Makes a damaged database anew: from the journals beside the states, and from what of it can still be read.

The new one takes the damaged one's place when it is whole, and that one is kept. Elicitations, and decisions
on runs that were deleted, stand in the database alone: of these comes back what can be read.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from core.errors import StoreError
from core.store.database import NAME, Database
from core.store.journal import Journal
from core.store.record import DECISION, put_step, replay
from core.store.runs import now
from core.store.saved import put_back

OF_RUNS = ("runs", "questions", "answers", "calibrations", "own_reports")
OF_STEPS = ("steps", "decisions")
LOGS = ("-wal", "-shm")
NEW = f"{NAME}.new"
OLDER = {"everywhere": 0, "origin": ""}
"""What the decisions of older programs do not say."""


def rebuild_database(cache: Path) -> list[str]:
    """Make the database anew; gives the ids of the runs that came back from their journals.

    Raises:
        StoreError: the new one cannot be written; the old one stays where it is.
    """
    damaged = cache / NAME
    for name in (NEW, *(f"{NEW}{log}" for log in LOGS)):
        (cache / name).unlink(missing_ok=True)
    database = Database(cache, NEW)
    came_back = []
    for folder in sorted((cache / "runs").iterdir()) if (cache / "runs").is_dir() else ():
        if Journal(folder).tells_of_a_run and _replayed(database, folder):
            came_back.append(folder.name)
    with database.connect() as connection:
        put_back(connection, Journal(cache))
    if damaged.is_file() and damaged.stat().st_size:
        with database.connect() as connection:
            _salvage(damaged, connection, set(came_back))
    try:
        _swap(damaged, database.path)
    except OSError as error:
        raise StoreError(f"{NAME} cannot be replaced: {error.strerror or error}") from error
    return came_back


def _replayed(database: Database, folder: Path) -> bool:
    """Whether a run came back from its journal; one that makes no sense leaves nothing behind."""
    try:
        with database.connect() as connection:
            return replay(connection, folder.name, Journal(folder).entries())
    except StoreError as error:
        if isinstance(error.__cause__, sqlite3.IntegrityError):
            return False
        raise


def _swap(damaged: Path, new: Path) -> None:
    """Keep the damaged file under another name, and put the new one in its place.

    Its log goes first: SQLite would take it for the new one's.
    """
    with closing(sqlite3.connect(new)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if damaged.exists():
        kept = damaged.with_name(f"{NAME}.damaged-{now().replace(':', '').replace('+0000', '')}")
        for log in LOGS:
            if (part := damaged.with_name(f"{NAME}{log}")).exists():
                part.replace(kept.with_name(f"{kept.name}{log}"))
        kept.unlink(missing_ok=True)
        os.link(damaged, kept)
    new.replace(damaged)


def _salvage(damaged: Path, into: sqlite3.Connection, known: set[str]) -> None:
    """Copy the rows that can still be read and are not there yet, tables of other stores too.

    Args:
        known: runs that came back from their journals, which are to be trusted more.
    """
    into.commit()  # the next works only outside a transaction; rows come in any order
    into.execute("PRAGMA foreign_keys = OFF")
    with closing(sqlite3.connect(f"{damaged.as_uri()}?mode=ro", uri=True)) as source:
        source.row_factory = sqlite3.Row
        tables = list(_readable(source, "SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        made_by = {row["name"]: row["sql"] for row in tables if not row["name"].startswith("sqlite_")}
        for table, made in made_by.items():
            if table not in OF_STEPS:
                into.execute(made.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
                _copy(source, into, table, made, known if table in OF_RUNS else set())
        if set(OF_STEPS) <= made_by.keys():
            _copy_steps(source, into, made_by)
    for table in OF_RUNS[1:]:
        into.execute(f"DELETE FROM {table} WHERE run NOT IN (SELECT run FROM runs)")


def _copy(
    source: sqlite3.Connection, into: sqlite3.Connection, table: str, made_by: str, known: set[str]
) -> None:
    """The rows of one table, but for those of known runs."""
    there = {row["name"] for row in into.execute(f"PRAGMA table_info({_quoted(table)})")}
    for row in _rows(source, table, made_by):
        if "run" in row.keys() and row["run"] in known:  # noqa: SIM118
            continue
        kept = [name for name in row.keys() if name in there]  # noqa: SIM118
        into.execute(
            f"INSERT OR IGNORE INTO {_quoted(table)} ({', '.join(map(_quoted, kept))}) "
            f"VALUES ({', '.join('?' * len(kept))})",
            [row[name] for name in kept],
        )


def _copy_steps(source: sqlite3.Connection, into: sqlite3.Connection, made_by: dict[str, str]) -> None:
    """Steps that are not there yet, with their decisions; one whose number is another run's gets its own."""
    decisions: dict[int, dict[int, list]] = {}
    for row in _rows(source, "decisions", made_by["decisions"]):
        found = dict(row)
        decision = [found.get(name, OLDER.get(name)) for name in DECISION]
        decisions.setdefault(row["step"], {})[row["answer"]] = decision
    steps = {row["step"]: dict(row) for row in _rows(source, "steps", made_by["steps"])}
    for number, step in sorted(steps.items()):
        same = "SELECT 1 FROM steps WHERE step = ? AND run = ? AND who = ? AND at = ?"
        if into.execute(same, (number, step["run"], step["who"], step["at"])).fetchone() is None:
            made = put_step(into, step["run"], step | {"decisions": list(decisions.get(number, {}).values())})
            into.execute("UPDATE steps SET state = ? WHERE step = ?", (step["state"], made))


def _rows(source: sqlite3.Connection, table: str, made_by: str) -> Iterator[sqlite3.Row]:
    """The rows of a table from either end up to where it cannot be read any further; some may come twice."""
    key = "1" if "WITHOUT ROWID" in made_by.upper() else "rowid"
    for order in ("ASC", "DESC"):
        yield from _readable(source, f"SELECT * FROM {_quoted(table)} ORDER BY {key} {order}")


def _readable(source: sqlite3.Connection, query: str) -> Iterator[sqlite3.Row]:
    """Rows until the file cannot be read; what goes wrong elsewhere is not taken for that."""
    try:
        rows = source.execute(query)
    except sqlite3.DatabaseError:
        return
    while True:
        try:
            row = rows.fetchone()
        except sqlite3.DatabaseError:
            return
        if row is None:
            return
        yield row


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
