"""Makes a damaged database anew: from the journals beside the states, and from what of it can still be read.

The damaged file is kept. Elicitations, the model's reports on its own answers and decisions on deleted runs
stand in the database alone: of these comes back what can be read.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from core.store.database import NAME, Database
from core.store.journal import Journal
from core.store.record import replay
from core.store.runs import now
from core.store.saved import put_back

OF_RUNS = ("runs", "questions", "answers", "calibrations")
ASIDE = ("", "-wal", "-shm")


def rebuild_database(cache: Path) -> list[str]:
    """Make the database anew; gives the ids of the runs that came back from their journals.

    Raises:
        StoreError: the new one cannot be written.
        OSError: the damaged one cannot be moved aside.
    """
    damaged = _move_aside(cache)
    database = Database(cache)
    came_back = []
    with database.connect() as connection:
        for folder in sorted((cache / "runs").iterdir()) if (cache / "runs").is_dir() else ():
            if replay(connection, folder.name, Journal(folder).entries()):
                came_back.append(folder.name)
        put_back(connection, Journal(cache))
    if damaged is not None:
        with database.connect() as connection:
            _salvage(damaged, connection, set(came_back))
    return came_back


def _move_aside(cache: Path) -> Path | None:
    """The damaged file under another name, its log with it; None where there is no file."""
    if not (cache / NAME).exists():
        return None
    kept = cache / f"{NAME}.damaged-{now().replace(':', '').replace('+0000', '')}"
    for suffix in ASIDE:
        if (part := cache / f"{NAME}{suffix}").exists():
            part.replace(kept.with_name(f"{kept.name}{suffix}"))
    return kept


def _salvage(damaged: Path, into: sqlite3.Connection, known: set[str]) -> None:
    """Copy the rows that can still be read and are not there yet, tables of other stores too.

    Args:
        known: runs that came back from their journals, which are to be trusted more.
    """
    into.commit()  # the next works only outside a transaction; rows come in any order
    into.execute("PRAGMA foreign_keys = OFF")
    try:
        with closing(sqlite3.connect(f"{damaged.as_uri()}?mode=ro", uri=True)) as source:
            tables = source.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            for table, made_by in tables:
                into.execute(made_by.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
                key = "1" if "WITHOUT ROWID" in made_by.upper() else "rowid"
                for order in (f"{key} ASC", f"{key} DESC"):  # up to the damage from either side
                    _copy(source, into, table, order, known if table in OF_RUNS else set())
    except sqlite3.DatabaseError:
        pass  # nothing of it can be read
    into.execute("DELETE FROM decisions WHERE step NOT IN (SELECT step FROM steps)")
    for table in OF_RUNS[1:]:
        into.execute(f"DELETE FROM {table} WHERE run NOT IN (SELECT run FROM runs)")


def _copy(
    source: sqlite3.Connection, into: sqlite3.Connection, table: str, order: str, known: set[str]
) -> None:
    """The rows of one table from one end up to where it cannot be read any further."""
    name = '"' + table.replace('"', '""') + '"'
    try:
        there = {row[1] for row in into.execute(f"PRAGMA table_info({name})")}
        rows = source.execute(f"SELECT * FROM {name} ORDER BY {order}")
        columns = [entry[0] for entry in rows.description]
        kept = [place for place, column in enumerate(columns) if column in there]
        named = ", ".join('"' + columns[place].replace('"', '""') + '"' for place in kept)
        insert = f"INSERT OR IGNORE INTO {name} ({named}) VALUES ({', '.join('?' * len(kept))})"
        run = columns.index("run") if "run" in columns else None
        for row in rows:
            if run is None or row[run] not in known:
                into.execute(insert, [row[place] for place in kept])
    except sqlite3.DatabaseError:
        return
