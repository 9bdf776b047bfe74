"""Decisions as CSV, out and in: read whole or not at all, older files too."""

import csv
import io
from collections.abc import Iterable

from core.errors import DataError
from core.store.decision import ACTIONS, DEFAULT_REASON, REASONS, SOUND, UNSURE, Decision

COLUMNS = ("answer", "action", "reason", "who", "at", "scores_shown", "blind", "everywhere", "origin", "run")
YES, NO = ("1", "true", "yes"), ("0", "false", "no")


def write_decisions(rows: Iterable[tuple]) -> str:
    """A header and one line per decision; the rows have the order of `COLUMNS`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return out.getvalue()


def read_decisions(run: str, content: str, known: set[int]) -> tuple[list[Decision], bool]:
    """The decisions in a file, and whether scores were on screen for any of them.

    Only answer and action need to be there. Where a file does not say whether a decision was blind, it is
    unknown, or not blind where the file says that scores were shown.

    Args:
        known: the run's answers.

    Raises:
        DataError: a column, answer, action, reason or mark is wrong, an answer stands twice, or the decisions
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
    made: dict[int, Decision] = {}
    names = {str(answer): answer for answer in known}
    shown_once = False
    for number, row in enumerate(rows, start=2):
        answer, action = (row["answer"] or "").strip(), row["action"]
        if answer not in names:
            raise DataError(f"decisions line {number}: this run has no answer {answer!r}")
        if action not in ACTIONS:
            raise DataError(
                f"decisions line {number}: unknown action {action!r}: use {', '.join(ACTIONS[:-1])} or "
                f"{ACTIONS[-1]}"
            )
        if row.get("run") not in (None, "", run):
            raise DataError(f"decisions line {number}: it is of run {row['run']!r}, and this is {run!r}")
        if names[answer] in made:
            raise DataError(f"decisions line {number}: answer {answer} stands there twice")
        reason = row.get("reason") or DEFAULT_REASON[action]
        if reason not in (*REASONS, SOUND, UNSURE):
            known_reasons = ", ".join((*REASONS, SOUND, UNSURE))
            raise DataError(f"decisions line {number}: unknown reason {reason!r}: choose {known_reasons}")
        shown = _mark(row, "scores_shown", number) or False
        shown_once = shown_once or shown
        made[names[answer]] = Decision(
            names[answer],
            action,
            reason,
            False if shown else _mark(row, "blind", number),
            _mark(row, "everywhere", number) or False,
            origin=row.get("origin") or "import",
        )
    if not made:
        raise DataError("the decisions hold no rows")
    return list(made.values()), shown_once


def _mark(row: dict, column: str, number: int) -> bool | None:
    """A yes or no; None where the file does not say."""
    text = (row.get(column) or "").strip().lower()
    if text in YES:
        return True
    if text in NO:
        return False
    if text:
        raise DataError(f"decisions line {number}: {column} is {text!r}: use 1 or 0")
    return None
