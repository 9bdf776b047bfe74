"""A person's keep and drop decisions: laid over a run, never written into it.

Each step (one click, in bulk or not) is kept for good with who and when; undo and redo only mark steps.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.errors import DataError, StoreError
from core.store.database import Database
from core.store.runs import now

ACTIONS = ("keep", "drop")
QUALITY = ("no choice given", "too little mass", "duplicate", "not a sensible question", "other")
OUTCOME = ("said the truth", "wrong under honest")
REASONS = QUALITY + OUTCOME
SOUND = "sound"


@dataclass(frozen=True)
class Decision:
    """What stands for one answer: the action of the last step that was not undone, and its reason.

    Reasons of drops are from `REASONS`; what is kept by hand is `SOUND`; imported ones are as they came.
    """

    answer: int
    action: str
    reason: str


class DecisionStore:
    """Decisions of every run in a cache folder. They outlive the run: its id is the hash of its settings."""

    def __init__(self, cache: Path) -> None:
        self.database = Database(cache)

    def decide(
        self, run: str, answers: list[int], action: str, reason: str, who: str, scores_shown: bool = False
    ) -> None:
        """One step over one or many answers. What had been undone before can no longer be redone.

        Raises:
            StoreError: an unknown action, or no answers.
        """
        if action not in ACTIONS:
            raise StoreError(f"unknown action {action!r}: choose keep or drop")
        if not answers:
            raise StoreError(f"no answers were chosen to {action}")
        self._add(run, {answer: (action, reason) for answer in answers}, who, scores_shown)

    def _add(self, run: str, made: dict[int, tuple[str, str]], who: str, scores_shown: bool) -> None:
        with self.database.connect() as connection:
            connection.execute(
                "UPDATE steps SET state = 'dropped' WHERE run = ? AND state = 'undone'", (run,)
            )
            step = connection.execute(
                "INSERT INTO steps (run, who, at, scores_shown) VALUES (?, ?, ?, ?)",
                (run, who, now(), scores_shown),
            ).lastrowid
            connection.executemany(
                "INSERT INTO decisions VALUES (?, ?, ?, ?)",
                [(step, int(answer), action, reason) for answer, (action, reason) in made.items()],
            )

    def undo(self, run: str) -> list[int]:
        """Take back the last step that stands; gives its answers, none where there is no such step."""
        return self._mark(run, "done", "undone", "DESC")

    def redo(self, run: str) -> list[int]:
        """Bring back the step that was undone last; gives its answers, none where there is no such step."""
        return self._mark(run, "undone", "done", "ASC")

    def _mark(self, run: str, old: str, new: str, direction: str) -> list[int]:
        with self.database.connect() as connection:
            step = connection.execute(
                f"SELECT step FROM steps WHERE run = ? AND state = ? ORDER BY step {direction} LIMIT 1",
                (run, old),
            ).fetchone()
            if step is None:
                return []
            connection.execute("UPDATE steps SET state = ? WHERE step = ?", (new, step["step"]))
            rows = connection.execute("SELECT answer FROM decisions WHERE step = ?", (step["step"],))
            return [row["answer"] for row in rows]

    def current(self, run: str) -> dict[int, Decision]:
        """What stands for each answer that was decided."""
        with self.database.connect() as connection:
            rows = connection.execute(
                "SELECT answer, action, reason FROM decisions JOIN steps USING (step) "
                "WHERE run = ? AND state = 'done' ORDER BY step",
                (run,),
            ).fetchall()
        return {row["answer"]: Decision(row["answer"], row["action"], row["reason"]) for row in rows}

    def version(self, run: str) -> tuple[int, int]:
        """Changes whenever a decision does: the last step, and how many steps stand."""
        with self.database.connect() as connection:
            last, standing = connection.execute(
                "SELECT coalesce(max(step), 0), coalesce(sum(state = 'done'), 0) FROM steps WHERE run = ?",
                (run,),
            ).fetchone()
        return last, standing

    def trail(self, run: str) -> pd.DataFrame:
        """Every step ever made, newest first.

        Returns:
            Columns step, at, who, action, reason, answers (how many), which (the first few), scores_shown,
            state (done, undone, dropped: undone and then overtaken).
        """
        with self.database.connect() as connection:
            return pd.read_sql_query(
                "SELECT step, at, who, action, reason, count(*) AS answers, "
                "substr(group_concat(answer, ', '), 1, 60) AS which, scores_shown, state "
                "FROM decisions JOIN steps USING (step) WHERE run = ? "
                "GROUP BY step, action, reason ORDER BY step DESC",
                connection,
                params=(run,),
            )

    def export_csv(self, run: str) -> str:
        """The standing decisions as CSV: answer, action, reason, who, at, scores_shown, run."""
        with self.database.connect() as connection:
            rows = connection.execute(
                "SELECT answer, action, reason, who, at, scores_shown FROM decisions JOIN steps USING (step) "
                "WHERE run = ? AND state = 'done' ORDER BY step",
                (run,),
            ).fetchall()
        standing = {row["answer"]: tuple(row) for row in rows}
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(("answer", "action", "reason", "who", "at", "scores_shown", "run"))
        writer.writerows((*row, run) for row in standing.values())
        return out.getvalue()

    def import_csv(self, run: str, content: str, who: str, known: set[int]) -> int:
        """Apply exported decisions as one step, all or none; gives their number.

        The step is signed by who imports it, at the time of the import.

        Raises:
            DataError: a column, answer, action or reason is wrong, an answer stands twice, or the decisions
                are of another run; names the line.
        """
        reader = csv.DictReader(io.StringIO(content))
        try:
            rows = list(reader)
        except csv.Error as error:
            raise DataError(f"decisions line {reader.line_num}: {error}") from error
        if missing := {"answer", "action"} - set(reader.fieldnames or ()):
            raise DataError(
                f"the decisions have no column {sorted(missing)[0]!r}: expected answer, action, reason"
            )
        made: dict[int, tuple[str, str]] = {}
        names = {str(answer): answer for answer in known}
        for number, row in enumerate(rows, start=2):
            answer = (row["answer"] or "").strip()
            if answer not in names:
                raise DataError(f"decisions line {number}: this run has no answer {answer!r}")
            if row["action"] not in ACTIONS:
                raise DataError(
                    f"decisions line {number}: unknown action {row['action']!r}: use keep or drop"
                )
            if row.get("run") not in (None, "", run):
                raise DataError(f"decisions line {number}: it is of run {row['run']!r}, and this is {run!r}")
            if names[answer] in made:
                raise DataError(f"decisions line {number}: answer {answer} stands there twice")
            reason = row.get("reason") or ("other" if row["action"] == "drop" else SOUND)
            if reason not in (*REASONS, SOUND):
                known_reasons = ", ".join((*REASONS, SOUND))
                raise DataError(f"decisions line {number}: unknown reason {reason!r}: choose {known_reasons}")
            made[names[answer]] = (row["action"], reason)
        if not made:
            raise DataError("the decisions hold no rows")
        self._add(run, made, who, False)
        return len(made)
