"""A table of answers made elsewhere: which question each is to, under which mode, and what was said."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from core.data.question import Question
from core.data.uploads import ColumnMapping, guess_mapping, label_sides, questions_from_table
from core.errors import DataError
from core.prompts.modes import MODES
from core.shown import listed, named, quoted

SAID, MODE, GENERATED = "said", "mode", "generated"
QUESTION_ID = ("question_id", "id", "question")
UNSAID = ("", "none", "nan")
NO_MODE = "none"
"""Under no instruction: the mode of answers whose table does not say any."""


@dataclass(frozen=True, eq=False)
class ImportedAnswers:
    """Answers in the order of their table.

    Attributes:
        questions: each once; numbers: of each answer's question; modes: each answer's.
        said: the choice that each answer amounts to, None where it is not known.
        generated: each answer's text, empty where it is not known.
        mapping: what the columns mean.
    """

    questions: list[Question]
    numbers: list[int]
    modes: list[str]
    said: list[int | None]
    generated: list[str]
    mapping: ColumnMapping

    @property
    def choices(self) -> tuple[str, str]:
        """What the labels mean, negative first."""
        return self.questions[0].choices

    def key(self, row: int) -> dict:
        """The columns that tell an answer from every other: one instruction each, asked once."""
        return {
            "answer": row,
            "number": self.numbers[row],
            "mode": self.modes[row],
            "wording": 0,
            "order": 0,
            "demo_set": 0,
            "sample": 0,
        }


def imported_answers(
    frame: pd.DataFrame,
    name: str,
    text: str | None = None,
    label: str | None = None,
    label_names: tuple[str, str] | None = None,
) -> ImportedAnswers:
    """The answers in a table, one a row.

    Columns: text and label as in a table of questions, and where they are there `mode`, `said` (a label, or
    empty), `generated`, `group` and `question_id`. Rows of one question id are answers to one question;
    without ids rows of one text are.

    Args:
        name: of the file, which becomes the questions' source.
        text, label: the columns; None to guess.
        label_names: see `ColumnMapping`.

    Raises:
        DataError: a column is missing, a mode or label is unknown, the label column has not two values, or
            two answers to one question contradict each other or are of one mode.
    """
    mapping = replace(_mapping(frame, name, text, label), label_names=label_names)
    found = questions_from_table(frame, replace(mapping, id=None), name)
    values, choices = label_sides(frame, mapping, name)
    known = {told.casefold(): side for names in (choices, values) for side, told in enumerate(names)}
    modes = _modes(frame, name)
    keys = _keys(frame, mapping, found, modes, name)
    first: dict[tuple[str, int], int] = {}
    seen: dict[tuple[tuple[str, int], str], int] = {}
    questions: list[Question] = []
    numbers: list[int] = []
    for row, (key, question, mode) in enumerate(zip(keys, found, modes, strict=True)):
        if key not in first:
            first[key] = row
            number = len(questions)
            identity = question.id if mapping.id is None else f"{name}:{key[0]}"
            questions.append(replace(question, id=identity))
        else:
            number = numbers[first[key]]
            _check_alike(frame, name, (found[first[key]], first[key]), (question, row))
        if (key, mode) in seen:
            raise DataError(
                f"{named(name)} {_at(frame, row)}: a second answer under {mode} to the question of "
                f"{_at(frame, seen[key, mode])}: give each its own question_id, or leave one out"
            )
        seen[key, mode] = row
        numbers.append(number)
    return ImportedAnswers(
        questions, numbers, modes, _said(frame, known, choices, name), _generated(frame), mapping
    )


def _mapping(frame: pd.DataFrame, name: str, text: str | None, label: str | None) -> ColumnMapping:
    guessed = ColumnMapping(text, label) if text and label else guess_mapping(frame, name)
    chosen = replace(guessed, text=text or guessed.text, label=label or guessed.label)
    columns = {str(column).casefold(): str(column) for column in frame.columns}
    free = [columns[n] for n in QUESTION_ID if columns.get(n) not in (None, chosen.text, chosen.label)]
    group = chosen.group or columns.get("group")
    return replace(chosen, id=free[0] if free else None, group=group)


def _keys(
    frame: pd.DataFrame, mapping: ColumnMapping, found: Sequence[Question], modes: Sequence[str], name: str
) -> list[tuple[str, int]]:
    """What tells each row's question: its id, or its text and how often that stood in its mode before."""
    if mapping.id is not None:
        ids = _cells(frame, mapping.id)
        if "" in ids:
            raise DataError(
                f"{named(name)} {_at(frame, ids.index(''))}: column {quoted(mapping.id)} is empty"
            )
        return [(told, 0) for told in ids]
    stood: dict[tuple[str, str], int] = {}
    keys = []
    for question, mode in zip(found, modes, strict=True):
        before = stood.get((question.text, mode), 0)
        stood[question.text, mode] = before + 1
        keys.append((question.text, before))
    return keys


def _check_alike(
    frame: pd.DataFrame, name: str, one: tuple[Question, int], other: tuple[Question, int]
) -> None:
    (first, place), (second, row) = one, other
    for what in ("text", "label"):
        if getattr(first, what) != getattr(second, what):
            raise DataError(
                f"{named(name)} {_at(frame, row)}: another {what} than in {_at(frame, place)}, which is of "
                "the same question: give each its own question_id"
            )


def _modes(frame: pd.DataFrame, name: str) -> list[str]:
    if MODE not in frame:
        return [NO_MODE] * len(frame)
    modes = [told.casefold() or NO_MODE for told in _cells(frame, MODE)]
    for row, mode in enumerate(modes):
        if mode not in MODES:
            raise DataError(
                f"{named(name)} {_at(frame, row)}: unknown mode {quoted(mode)}: choose "
                f"{listed(list(MODES), 20)}"
            )
    return modes


def _said(
    frame: pd.DataFrame, known: dict[str, int], choices: tuple[str, str], name: str
) -> list[int | None]:
    if SAID not in frame:
        return [None] * len(frame)
    said: list[int | None] = []
    for row, told in enumerate(_cells(frame, SAID)):
        folded = told.casefold()
        if folded not in known and folded not in UNSAID:
            raise DataError(
                f"{named(name)} {_at(frame, row)}: said is {quoted(told)}: it is {quoted(choices[0])}, "
                f"{quoted(choices[1])} or empty"
            )
        said.append(known.get(folded))
    return said


def _generated(frame: pd.DataFrame) -> list[str]:
    return _cells(frame, GENERATED) if GENERATED in frame else [""] * len(frame)


def _cells(frame: pd.DataFrame, column: str) -> list[str]:
    """A column as text without space around it, empty where a value is missing; 1.0 as 1, like labels."""
    return [_cell(value) for value in frame[column].tolist()]


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _at(frame: pd.DataFrame, row: int) -> str:
    return f"{frame.index.name or 'row'} {frame.index[row]}"
