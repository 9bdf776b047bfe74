"""A run's rows as entries of its journal, and back.

Whoever changes rows notes the change here within the same transaction, before it is committed: what is
confirmed is in both.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from core.store.journal import SET_ASIDE, Journal

AT_ONCE = 256
"""Answers of an entry, where a journal is written from the database."""
QUESTION = ("number", "question", "text", "claim", "label", "choice_0", "choice_1", "source", "group")
DECISION = ("answer", "action", "reason", "blind", "everywhere", "origin")
STEP = ("step", "who", "at", "scores_shown")
RUN = ("run", "settings", "facts", "planned", "started")
OWN_REPORT = ("answer", "asked", "yes_first", "no_first", "outside")
JUDGEMENT = ("configuration", "trained", "what", "auroc", "at")
REMARKS = ("tags", "note", "at")
PUT_REMARKS = (
    "INSERT INTO remarks VALUES (?, ?, ?, ?) ON CONFLICT (run) DO UPDATE SET tags = excluded.tags, "
    "note = excluded.note, at = excluded.at WHERE excluded.at >= remarks.at"
)
"""The last that was said stands, also where a journal that was in the trash tells of what was said before."""
OVERTAKE = "UPDATE steps SET state = 'dropped' WHERE run = ? AND who = ? AND state = 'undone'"
COUNT_CHANGE = "INSERT INTO changes VALUES (?, 1) ON CONFLICT (run) DO UPDATE SET n = n + 1"


def run_folder(cache: Path, run: str) -> Path:
    """Where a run's states and journal are."""
    return cache / "runs" / run


def note(cache: Path, connection: sqlite3.Connection, run: str, *entries: tuple[str, Any]) -> None:
    """Append to a run's journal; where it has none yet, first all that the database has of the run.

    A run that has no folder, because it was deleted, say, keeps its decisions in the database alone.

    Args:
        connection: in the transaction that makes the change.

    Raises:
        StoreError: see `Journal.append`.
    """
    folder = run_folder(cache, run)
    if not folder.is_dir():
        return
    journal = Journal(folder)
    if not journal.tells_of_a_run:
        journal.create(entries_of(connection, run))
    journal.append(*entries)


def answers_entry(rows: Sequence[dict]) -> tuple[str, Any]:
    """Answers that are about to be committed, each a row of the database without its run."""
    names = list(rows[0])
    return "answers", {"columns": names, "rows": [[row[name] for name in names] for row in rows]}


def entries_of(connection: sqlite3.Connection, run: str) -> Iterator[tuple[str, Any]]:
    """All that the database has of a run, as entries."""
    found = connection.execute("SELECT * FROM runs WHERE run = ?", (run,)).fetchone()
    if found is not None:
        yield "run", {name: found[name] for name in RUN}
        yield "questions", _rows(connection, "questions", QUESTION, run)
        for row in connection.execute("SELECT * FROM calibrations WHERE run = ?", (run,)):
            yield "calibration", {name: row[name] for name in row.keys() if name != "run"}  # noqa: SIM118
        answers = connection.execute("SELECT * FROM answers WHERE run = ? ORDER BY answer", (run,))
        while rows := answers.fetchmany(AT_ONCE):
            yield answers_entry([{n: row[n] for n in row.keys() if n != "run"} for row in rows])  # noqa: SIM118
        if found["complete"]:
            yield "finished", found["ended"]
    steps = connection.execute("SELECT * FROM steps WHERE run = ? ORDER BY step", (run,)).fetchall()
    for step in steps:
        made = connection.execute(
            f"SELECT {', '.join(DECISION)} FROM decisions WHERE step = ?", (step["step"],)
        )
        yield "step", {name: step[name] for name in STEP} | {"decisions": [list(row) for row in made]}
    for step in steps:
        yield "mark", {"step": step["step"], "state": step["state"]}
    for (margin,) in connection.execute("SELECT margin FROM margins WHERE run = ?", (run,)):
        yield "margin", margin
    for row in connection.execute("SELECT * FROM judgements WHERE judged = ?", (run,)):
        yield "judgement", {name: row[name] for name in JUDGEMENT}
    for row in connection.execute("SELECT * FROM remarks WHERE run = ?", (run,)):
        yield "remarks", {name: row[name] for name in REMARKS}
    if reports := _rows(connection, "own_reports", OWN_REPORT, run):
        yield "own-reports", reports


def replay(connection: sqlite3.Connection, run: str, entries: Iterable[tuple[str, Any]]) -> bool:
    """Put a journal's entries into the database; what is there already and differs is replaced.

    Steps that the database has stay as they are there: it alone knows which were undone since.

    Returns:
        Whether the run itself is among the entries; without it nothing else of them is of use.
    """
    known = {row[0] for row in connection.execute("SELECT step FROM steps WHERE run = ?", (run,))}
    numbers: dict[int, int] = {}
    there = False
    for kind, content in entries:
        if kind == "run":
            there = True
            columns = ", ".join(RUN)
            connection.execute(
                f"INSERT OR IGNORE INTO runs ({columns}) VALUES (?, ?, ?, ?, ?)", [content[n] for n in RUN]
            )
        elif kind == "questions":
            _insert(connection, "questions", run, QUESTION, content)
        elif kind == "calibration":
            _insert(connection, "calibrations", run, list(content), [list(content.values())])
        elif kind == "answers":
            _insert(connection, "answers", run, content["columns"], content["rows"])
        elif kind == SET_ASIDE:
            set_aside(connection, run, content)
        elif kind == "finished":
            connection.execute("UPDATE runs SET complete = 1, ended = ? WHERE run = ?", (content, run))
        elif kind == "step" and content["step"] not in known:
            numbers[content["step"]] = put_step(connection, run, content, numbers.get(content["step"]))
        elif kind == "mark" and content["step"] not in known:
            connection.execute(
                "UPDATE steps SET state = ? WHERE step = ? AND run = ?",
                (content["state"], numbers.get(content["step"]), run),
            )
        elif kind == "margin":
            connection.execute("INSERT OR REPLACE INTO margins VALUES (?, ?)", (run, content))
        elif kind == "own-reports":
            connection.executemany(
                "INSERT OR REPLACE INTO own_reports VALUES (?, ?, ?, ?, ?, ?)",
                [(run, *report) for report in content],
            )
        elif kind == "judgement":
            connection.execute(
                "INSERT OR IGNORE INTO judgements VALUES (?, ?, ?, ?, ?, ?)",
                (run, *(content[name] for name in JUDGEMENT)),
            )
        elif kind == "remarks":
            connection.execute(PUT_REMARKS, (run, *(content[name] for name in REMARKS)))
    connection.execute(COUNT_CHANGE, (run,))
    return there


def set_aside(connection: sqlite3.Connection, run: str, answers: Sequence[int]) -> None:
    """Take answers out of a run, which is then no longer complete: the same harvest makes them again."""
    connection.execute(
        "DELETE FROM answers WHERE run = ? AND answer IN (SELECT value FROM json_each(?))",
        (run, json.dumps(list(answers))),
    )
    connection.execute("UPDATE runs SET complete = 0, ended = NULL WHERE run = ?", (run,))


def put_step(connection: sqlite3.Connection, run: str, step: dict, number: int | None = None) -> int:
    """Put a step into the database; gives its number there: its own, or another where a run has that already.

    Args:
        step: as `entries_of` gives it.
        number: of the step whose place it takes: one that was journalled and never committed.
    """
    if number is None:
        taken = connection.execute("SELECT 1 FROM steps WHERE step = ?", (step["step"],)).fetchone()
        number = None if taken else step["step"]
    connection.execute(OVERTAKE, (run, step["who"]))
    number = connection.execute(
        "INSERT OR REPLACE INTO steps (run, step, who, at, scores_shown) VALUES (?, ?, ?, ?, ?)",
        (run, number, step["who"], step["at"], step["scores_shown"]),
    ).lastrowid
    assert number is not None
    connection.executemany(
        f"INSERT OR REPLACE INTO decisions (step, {', '.join(DECISION)}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(number, *decision) for decision in step["decisions"]],
    )
    return number


def _rows(connection: sqlite3.Connection, table: str, names: Sequence[str], run: str) -> list[list]:
    rows = connection.execute(f"SELECT {_columns(names)} FROM {table} WHERE run = ? ORDER BY 1", (run,))
    return [list(row) for row in rows]


def _insert(
    connection: sqlite3.Connection, table: str, run: str, names: Sequence[str], rows: Sequence[Sequence]
) -> None:
    slots = ", ".join("?" * (len(names) + 1))
    connection.executemany(
        f"INSERT OR REPLACE INTO {table} (run, {_columns(names)}) VALUES ({slots})",
        [(run, *row) for row in rows],
    )


def _columns(names: Sequence[str]) -> str:
    return ", ".join('"' + name.replace('"', '""') + '"' for name in names)
