"""People's keep, drop and unsure decisions: laid over a run, never written into it.

Each step (one click, in bulk or not) is kept for good with who and when; undo and redo only mark steps.
Several people may prune one run: the last step on an answer stands, and each takes back their own steps.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from core.beliefs import SURE, check_margin
from core.errors import StoreError
from core.store.database import Database
from core.store.decision import ACTIONS, OUTCOME, QUALITY, REASONS, SOUND, UNSURE, Decision
from core.store.decisions_csv import read_decisions, write_decisions
from core.store.record import COUNT_CHANGE, OVERTAKE, note
from core.store.runs import now

__all__ = ["ACTIONS", "OUTCOME", "QUALITY", "REASONS", "SOUND", "UNSURE", "Decision", "DecisionStore"]

STANDING = (
    "SELECT answer, action, reason, blind, everywhere, who, origin FROM decisions JOIN steps USING (step) "
    "WHERE run = ? AND state = 'done' AND (? IS NULL OR answer = ?) ORDER BY step"
)


class DecisionStore:
    """Decisions of every run in a cache folder. They outlive the run: its id is the hash of its settings."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.database = Database(cache)

    def decide(
        self,
        run: str,
        answers: list[int],
        action: str,
        reason: str,
        who: str,
        scores_shown: bool = False,
        *,
        blind: bool = True,
        everywhere: bool = False,
        origin: str = "",
    ) -> None:
        """One step over one or many answers. What this person had undone can no longer be redone.

        Args:
            blind: False where it is made from the projection; with scores on screen it never is blind.
            everywhere: have a drop reach test data whatever its reason.

        Raises:
            StoreError: an unknown action, or no answers.
        """
        if action not in ACTIONS:
            raise StoreError(f"unknown action {action!r}: choose keep, drop or unsure")
        if not answers:
            raise StoreError(f"no answers were chosen to {action}")
        blind = blind and not scores_shown
        made = [Decision(int(a), action, reason, blind, everywhere, who, origin) for a in answers]
        self.add_step(run, made, who, scores_shown)

    def add_step(self, run: str, made: Iterable[Decision], who: str, scores_shown: bool = False) -> None:
        """One step of decisions that may differ in action and reason; undone and redone as one.

        Raises:
            StoreError: there are none.
        """
        rows = [(d.answer, d.action, d.reason, d.blind, d.everywhere, d.origin) for d in made]
        if not rows:
            raise StoreError("no answers were chosen: nothing is left to decide")
        at = now()
        with self.database.connect() as connection:
            connection.execute(OVERTAKE, (run, who))
            step = connection.execute(
                "INSERT INTO steps (run, who, at, scores_shown) VALUES (?, ?, ?, ?)",
                (run, who, at, scores_shown),
            ).lastrowid
            connection.executemany(
                "INSERT INTO decisions (step, answer, action, reason, blind, everywhere, origin) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(step, *row) for row in rows],
            )
            connection.execute(COUNT_CHANGE, (run,))
            made_here = {"step": step, "who": who, "at": at, "scores_shown": scores_shown, "decisions": rows}
            note(self.cache, connection, run, ("step", made_here))

    def undo(self, run: str, who: str | None = None) -> list[int]:
        """Take back a person's last step that stands, anybody's where `who` is None.

        Returns:
            The step's answers; none where there is no such step.
        """
        return self._mark(run, who, "done", "undone", "DESC")

    def redo(self, run: str, who: str | None = None) -> list[int]:
        """Bring back the step that was undone last; persons and answers as in `undo`."""
        return self._mark(run, who, "undone", "done", "ASC")

    def _mark(self, run: str, who: str | None, old: str, new: str, direction: str) -> list[int]:
        with self.database.connect() as connection:
            connection.execute("BEGIN IMMEDIATE")  # else two people at once might take back one step
            step = connection.execute(
                "SELECT step FROM steps WHERE run = ? AND state = ? AND (? IS NULL OR who = ?) "
                f"ORDER BY step {direction} LIMIT 1",
                (run, old, who, who),
            ).fetchone()
            if step is None:
                return []
            connection.execute("UPDATE steps SET state = ? WHERE step = ?", (new, step["step"]))
            connection.execute(COUNT_CHANGE, (run,))
            note(self.cache, connection, run, ("mark", {"step": step["step"], "state": new}))
            rows = connection.execute("SELECT answer FROM decisions WHERE step = ?", (step["step"],))
            return [row["answer"] for row in rows]

    def current(self, run: str) -> dict[int, Decision]:
        """What stands for each answer that was decided, whoever decided last."""
        return {decision.answer: decision for decision in self._standing(run)}

    def by_person(self, run: str) -> dict[str, dict[int, Decision]]:
        """What stands of each person's own decisions, by name and answer."""
        found: dict[str, dict[int, Decision]] = {}
        for decision in self._standing(run):
            found.setdefault(decision.who, {})[decision.answer] = decision
        return found

    def of_answer(self, run: str, answer: int) -> dict[str, Decision]:
        """What stands of each person's decision about one answer, by name; no other is read."""
        return {decision.who: decision for decision in self._standing(run, answer)}

    def _standing(self, run: str, answer: int | None = None) -> list[Decision]:
        with self.database.connect() as connection:
            rows = connection.execute(STANDING, (run, answer, answer)).fetchall()
        return [
            Decision(answer, action, reason, None if blind is None else bool(blind), bool(everywhere), *rest)
            for answer, action, reason, blind, everywhere, *rest in rows
        ]

    def margin(self, run: str) -> float:
        """The share of a question's honest answers that a belief needs in this run."""
        with self.database.connect() as connection:
            row = connection.execute("SELECT margin FROM margins WHERE run = ?", (run,)).fetchone()
        return SURE if row is None else row["margin"]

    def set_margin(self, run: str, margin: float) -> None:
        """Keep another belief margin with the run, for every page and command.

        Raises:
            DataError: it is no majority.
        """
        check_margin(margin)
        with self.database.connect() as connection:
            connection.execute("INSERT OR REPLACE INTO margins VALUES (?, ?)", (run, margin))
            connection.execute(COUNT_CHANGE, (run,))
            note(self.cache, connection, run, ("margin", margin))

    def version(self, run: str) -> tuple[int, int]:
        """Changes whenever a decision or the margin does: the last step, and how many changes there were."""
        with self.database.connect() as connection:
            last, changes = connection.execute(
                "SELECT (SELECT coalesce(max(step), 0) FROM steps WHERE run = ?), "
                "coalesce((SELECT n FROM changes WHERE run = ?), 0)",
                (run, run),
            ).fetchone()
        return last, changes

    def trail(self, run: str) -> pd.DataFrame:
        """Every step ever made, newest first.

        Returns:
            Columns step, at, who, action, reason, answers (how many), which (the first few), scores_shown,
            blind (None where unknown), everywhere, origin, state (done, undone, dropped: undone and then
            overtaken).
        """
        with self.database.connect() as connection:
            return pd.read_sql_query(
                "SELECT step, at, who, action, reason, count(*) AS answers, "
                "substr(group_concat(answer, ', '), 1, 60) AS which, scores_shown, blind, everywhere, "
                "origin, state FROM decisions JOIN steps USING (step) WHERE run = ? "
                "GROUP BY step, action, reason, blind, everywhere, origin ORDER BY step DESC",
                connection,
                params=(run,),
            )

    def export_csv(self, run: str) -> str:
        """The standing decisions as CSV, with the columns of `core.store.decisions_csv`."""
        with self.database.connect() as connection:
            rows = connection.execute(
                "SELECT answer, action, reason, who, at, scores_shown, blind, everywhere, origin, run "
                "FROM decisions JOIN steps USING (step) WHERE run = ? AND state = 'done' ORDER BY step",
                (run,),
            ).fetchall()
        return write_decisions({row["answer"]: tuple(row) for row in rows}.values())

    def import_csv(self, run: str, content: str, who: str, known: set[int]) -> int:
        """Apply exported decisions as one step, all or none; gives their number.

        The step is signed by who imports it, at the time of the import.

        Raises:
            DataError: see `read_decisions`.
        """
        made, scores_shown = read_decisions(run, content, known)
        self.add_step(run, made, who, scores_shown)
        return len(made)
