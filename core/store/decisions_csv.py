"""Decisions as CSV, out and in: read whole or not at all, older files too."""

import csv
import io
from collections.abc import Iterable, Sequence

from core.csv_text import marked, unmarked
from core.errors import DataError
from core.files import text_lines
from core.shown import listed, quoted
from core.store.decision import ACTIONS, DEFAULT_REASON, ORIGINS, REASONS, SOUND, UNSURE, Decision

COLUMNS = ("answer", "action", "reason", "who", "at", "scores_shown", "blind", "everywhere", "origin", "run")
YES, NO = ("1", "true", "yes"), ("0", "false", "no")


def write_decisions(rows: Iterable[tuple]) -> str:
    """A header and one line per decision; the rows have the order of `COLUMNS`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(map(marked, row) for row in rows)
    return out.getvalue()


def read_decisions(run: str, content: str, known: set[int]) -> tuple[list[Decision], bool]:
    """The decisions in a file, and whether scores were on screen for any of them.

    Only answer and action need to be there. Where a file does not say whether a decision was blind, it is
    unknown, or not blind where the file says that scores were shown.

    Args:
        known: the run's answers.

    Raises:
        DataError: a column, answer, action, reason, origin or mark is wrong, an answer stands twice, or the
            decisions are of another run; names the line.
    """
    reader = csv.DictReader(text_lines(content), strict=True)
    made: dict[int, Decision] = {}
    answers = {str(answer): answer for answer in known}
    shown_once = False
    try:
        _check_columns(reader.fieldnames or ())
        for row in reader:
            where = f"decisions line {reader.line_num}"
            told = {name: unmarked(cell) if isinstance(cell, str) else cell for name, cell in row.items()}
            decision, shown = _decision(run, told, answers, where)
            if decision.answer in made:
                raise DataError(f"{where}: answer {decision.answer} stands there twice")
            made[decision.answer] = decision
            shown_once = shown_once or shown
    except csv.Error as error:
        raise DataError(f"decisions line {reader.line_num}: {error}") from error
    if not made:
        raise DataError("the decisions hold no rows")
    return list(made.values()), shown_once


def _check_columns(found: Sequence[str]) -> None:
    if missing := {"answer", "action"} - set(found):
        raise DataError(
            f"the decisions have no column {sorted(missing)[0]!r}: expected answer, action, reason"
        )
    if twice := [column for column in COLUMNS if found.count(column) > 1]:
        raise DataError(f"the decisions have two columns {twice[0]!r}: leave one out")


def _decision(run: str, row: dict, answers: dict[str, int], where: str) -> tuple[Decision, bool]:
    """One row's decision, and whether scores were on screen for it."""
    if None in row:
        raise DataError(f"{where}: it has more values than the header has columns")
    answer, action = (row["answer"] or "").strip(), row["action"]
    if answer not in answers:
        raise DataError(f"{where}: this run has no answer {quoted(answer)}")
    if action not in ACTIONS:
        choose = f"{', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}"
        raise DataError(f"{where}: unknown action {quoted(action)}: use {choose}")
    if row.get("run") not in (None, "", run):
        raise DataError(f"{where}: it is of run {quoted(row['run'])}, and this is {run!r}")
    reason = row.get("reason") or DEFAULT_REASON[action]
    known_reasons = (*REASONS, SOUND, UNSURE)
    if reason not in known_reasons:
        choose = listed(known_reasons, len(known_reasons))
        raise DataError(f"{where}: unknown reason {quoted(reason)}: choose {choose}")
    origin = row.get("origin") or "import"
    if origin not in ORIGINS:
        raise DataError(f"{where}: unknown origin {quoted(origin)}: choose {listed(ORIGINS)} or leave it out")
    shown = _mark(row, "scores_shown", where) or False
    blind = False if shown else _mark(row, "blind", where)
    everywhere = _mark(row, "everywhere", where) or False
    return Decision(answers[answer], action, reason, blind, everywhere, origin=origin), shown


def _mark(row: dict, column: str, where: str) -> bool | None:
    """A yes or no; None where the file does not say."""
    text = (row.get(column) or "").strip().lower()
    if text in YES:
        return True
    if text in NO:
        return False
    if text:
        raise DataError(f"{where}: {column} is {quoted(text)}: use 1 or 0")
    return None
