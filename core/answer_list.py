"""A run's judged answers as lists that SQLite filters, orders and pages: only what is on screen is read.

What an answer amounts to follows from all of its run (see `core.labels`). So it is worked out once for a run
and a margin of belief, and kept, a few words an answer, in a database of its own that can be made anew at any
time. Decisions come and go: they are joined to it as they stand, and so are the answers themselves.
"""

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import StoreError
from core.labels import FLAGS, belief_summary
from core.labels_of_run import judged
from core.pruning.rules import not_finite
from core.store.decision import Decision
from core.store.decisions import DecisionStore
from core.store.runs import Run, RunStore

VERSION = 1
"""Of what is kept."""
SCHEMA = """
CREATE TABLE stamp (stamp TEXT NOT NULL, beliefs TEXT NOT NULL);
CREATE TABLE judged (
    place INTEGER PRIMARY KEY, answer INTEGER NOT NULL UNIQUE, mode TEXT NOT NULL, flag TEXT NOT NULL,
    marks INTEGER NOT NULL, verdict TEXT NOT NULL, believes REAL, not_finite INTEGER NOT NULL
);
"""
ORDERS = {
    "suggested drops first": "place",
    "number": "answer",
    "verdict": "verdict, place",
    "decision": "coalesce(action, ''), place",
}
"""By what a list may be ordered, as SQL has it."""
LISTED = (
    "WITH standing AS (SELECT answer, action, reason, blind, everywhere, max(step) FROM decisions "
    "JOIN steps USING (step) WHERE run = :run AND state = 'done' GROUP BY answer) "
    "SELECT {columns} FROM lists.judged LEFT JOIN standing USING (answer) WHERE {where} {rest}"
)
"""Of several decisions on an answer the last step's stands: bare columns come from the row of the maximum."""
SHOWN = {
    "answer": "answer",
    "flag": "flag",
    "verdict": "verdict",
    "believes": "believes",
    "action": "coalesce(action, '')",
    "reason": "coalesce(reason, '')",
}
"""Columns that are listed, and the SQL of each."""


@dataclass(frozen=True)
class Filter:
    """Which of a run's answers a list is of.

    Attributes:
        mode: of `core.prompts.modes`; None for all.
        flags: of `core.labels.FLAGS`: answers with one of them or more; all where there are none.
        standing: what is decided, of `core.store.decision.ACTIONS`; empty for nothing, None for whatever.
        undecided_by: a person who has decided nothing about them.
    """

    mode: str | None = None
    flags: tuple[str, ...] = ()
    standing: str | None = None
    undecided_by: str | None = None

    def to_sql(self) -> tuple[str, dict[str, Any]]:
        """A condition and its parameters, `run` not among them."""
        conditions = {
            "mode = :mode": self.mode,
            "marks & :marks": _bits(self.flags) or None,
            "coalesce(action, '') = :standing": self.standing,
            "answer NOT IN (SELECT answer FROM decisions JOIN steps USING (step) "
            "WHERE run = :run AND state = 'done' AND who = :who)": self.undecided_by,
        }
        holds = [condition for condition, value in conditions.items() if value is not None]
        values = zip(("mode", "marks", "standing", "who"), conditions.values(), strict=True)
        return " AND ".join(holds) or "true", dict(values)


@dataclass(frozen=True)
class Decided:
    """How many of a run's answers are dropped in all data, in training data alone, and marked as unsure."""

    answers: int
    dropped: int
    dropped_outcome: int
    unsure: int


class AnswerList:
    """The judged answers of one run.

    Args:
        run: as it stands: when it has grown, what is kept of it is made anew.

    Raises:
        StoreError: the list cannot be written; says why.
    """

    def __init__(self, store: RunStore, run: Run) -> None:
        self.store, self.run = store, run.run
        self.path = store.cache / "derived" / "lists" / f"{run.run}.sqlite"
        stamp = {
            "version": [VERSION, version("telltale")],
            "started": run.started,
            "answers": run.answers,
            "margin": DecisionStore(store.cache).margin(run.run),
            "flags": list(FLAGS),
        }
        if _stamp(self.path) != stamp:
            _write(self.path, judged(store, run.run), stamp)

    @property
    def beliefs(self) -> dict:
        """What the model believes and knows, as `core.labels.belief_summary` gives it."""
        with self._connected() as connection:
            return json.loads(connection.execute("SELECT beliefs FROM lists.stamp").fetchone()[0])

    def modes(self) -> list[str]:
        """The modes that were asked in, in order of their first answers."""
        with self._connected() as connection:
            found = connection.execute("SELECT mode FROM lists.judged GROUP BY mode ORDER BY min(answer)")
            return [row["mode"] for row in found]

    def flag_counts(self, mode: str | None) -> dict[str, int]:
        """How many answers of a mode, or of all where it is None, have each flag."""
        where, values = Filter(mode).to_sql()
        with self._connected() as connection:
            found = connection.execute(
                f"SELECT marks, count(*) AS n FROM lists.judged WHERE {where} GROUP BY marks", values
            ).fetchall()
        return {flag: sum(row["n"] for row in found if row["marks"] & _bits((flag,))) for flag in FLAGS}

    def count(self, wanted: Filter) -> int:
        """How many answers fit."""
        return self._select("count(*) AS n", wanted)[0]["n"]

    def holds(self, wanted: Filter, answer: int) -> bool:
        """Whether an answer is among those that fit."""
        return bool(self._select("1", wanted, "AND answer = :answer", answer=answer))

    def answers(self, wanted: Filter) -> list[int]:
        """All that fit, by their numbers alone: for a step over the whole list."""
        return [row["answer"] for row in self._select("answer", wanted, "ORDER BY place")]

    def following(self, wanted: Filter, answer: int, backward: bool = False) -> int | None:
        """The next of those that fit, another than this one, round the end; None where there is none."""
        ahead, order = ("<", "DESC") if backward else (">", "ASC")
        at = "(SELECT place FROM lists.judged WHERE answer = :answer)"
        for part in (f"AND place {ahead} {at}", "AND answer != :answer"):
            rest = f"{part} ORDER BY place {order} LIMIT 1"
            if found := self._select("answer", wanted, rest, answer=answer):
                return found[0]["answer"]
        return None

    def first(self, wanted: Filter) -> int | None:
        """The first of those that fit; None where there is none."""
        found = self._select("answer", wanted, "ORDER BY place LIMIT 1")
        return found[0]["answer"] if found else None

    def page(
        self, wanted: Filter, skipped: int, most: int, order: str = "suggested drops first"
    ) -> pd.DataFrame:
        """Some of the answers that fit; nothing of others is read.

        Args:
            skipped: how many of them come before.
            order: of `ORDERS`.

        Returns:
            What `RunStore.answers_at` gives, with verdict, flag and believes (see `core.labels`), and action
            and reason, empty where nothing is decided.
        """
        part = f"ORDER BY {ORDERS[order]} LIMIT :most OFFSET :skipped"
        return self._whole(wanted, part, most=most, skipped=skipped)

    def one(self, answer: int) -> pd.Series:
        """One answer, as `page` gives it. Raises `StoreError` where the run has no such answer."""
        return self._whole(Filter(), "AND answer = :answer", answer=answer).iloc[0]

    def decided(self) -> Decided:
        """What stands, counted by which data it reaches (see `core.labels.lay_decisions`)."""
        names = "action, reason, blind, everywhere, not_finite"
        dropped = outcome = unsure = answers = 0
        for row in self._select(f"{names}, count(*) AS n", Filter(), f"GROUP BY {names}"):
            blind = None if row["blind"] is None else bool(row["blind"])
            made = Decision(0, row["action"] or "", row["reason"] or "", blind, bool(row["everywhere"]))
            answers += row["n"]
            unsure += row["n"] * (made.action == "unsure")
            outcome += row["n"] * (made.action == "drop" and not made.reaches_test)
            dropped += row["n"] * bool(row["not_finite"] or (made.action == "drop" and made.reaches_test))
        return Decided(answers, dropped, outcome, unsure)

    def _whole(self, wanted: Filter, rest: str, **more: int) -> pd.DataFrame:
        """Listed answers with all that the run's store has of them."""
        found = self._select(", ".join(SHOWN.values()), wanted, rest, **more)
        rows = pd.DataFrame([tuple(row) for row in found], columns=list(SHOWN)).astype({"believes": float})
        return self.store.answers_at(self.run, rows["answer"].tolist()).merge(rows, on="answer")

    def _select(self, columns: str, wanted: Filter, rest: str = "", **more: Any) -> list[sqlite3.Row]:
        where, values = wanted.to_sql()
        with self._connected() as connection:
            query = LISTED.format(columns=columns, where=where, rest=rest)
            return connection.execute(query, values | more | {"run": self.run}).fetchall()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self.store.database.connect() as connection:
            connection.execute("ATTACH DATABASE ? AS lists", (f"{self.path.as_uri()}?mode=ro",))
            yield connection


def _bits(flags: tuple[str, ...]) -> int:
    return sum(1 << FLAGS.index(flag) for flag in flags)


def _stamp(path: Path) -> dict | None:
    """Of what a list was made; None where there is none, or none that can be read."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                return None
            return json.loads(connection.execute("SELECT stamp FROM stamp").fetchone()[0])
    except (sqlite3.Error, ValueError, TypeError):
        return None


def _write(path: Path, frame: pd.DataFrame, stamp: dict) -> None:
    """Keep judged answers, whole or not at all, in the order in which they are looked through."""
    ordered = frame.assign(suggested=frame["flag"] != "", not_finite=not_finite(frame)).sort_values(
        ["suggested", "flag", "answer"], ascending=[False, True, True], kind="stable"
    )
    marks = {flag: _bits(tuple(filter(None, flag.split("; ")))) for flag in ordered["flag"].unique()}
    rows = zip(
        ordered["answer"].tolist(),
        ordered["mode"],
        ordered["flag"],
        ordered["flag"].map(marks).tolist(),
        ordered["verdict"],
        [None if pd.isna(value) else value for value in ordered["believes"].tolist()],
        ordered["not_finite"].astype(int).tolist(),
        strict=True,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / path.name
            with closing(sqlite3.connect(part)) as connection, connection:
                connection.executescript(SCHEMA)
                connection.executemany(
                    "INSERT INTO judged (answer, mode, flag, marks, verdict, believes, not_finite) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    rows,
                )
                connection.execute(
                    "INSERT INTO stamp VALUES (?, ?)",
                    (json.dumps(stamp), json.dumps(belief_summary(frame), default=float)),
                )
            os.replace(part, path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the list of a run's answers cannot be written to {path}: {error}") from error
