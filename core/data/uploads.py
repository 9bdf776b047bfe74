"""From a table to questions: which column is what, what is wrong with it, and the questions themselves.

Reading the file is the business of `tables`. Nothing that a person uploads is ever run.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.data.question import Question, merge_near_duplicates
from core.errors import DataError
from core.shown import listed, named, quoted

TEXT_COLUMNS = ("text", "review", "sentence", "statement", "question", "content", "prompt")
LABEL_COLUMNS = ("label", "truth", "sentiment", "target", "class", "answer", "is_true")
KNOWN_PAIRS = {
    ("neg", "pos"): ("Negative", "Positive"),
    ("negative", "positive"): ("Negative", "Positive"),
    ("no", "yes"): ("No", "Yes"),
    ("false", "true"): ("False", "True"),
    ("0", "1"): ("0", "1"),
}
ONE_SIDED = 0.1
LONGEST_LABEL = 200
"""Characters: a label is a choice's name, and stands in every question."""


@dataclass(frozen=True)
class ColumnMapping:
    """What the columns of a table mean.

    Attributes:
        text: column with what the model is asked about.
        label: column with the right choice; exactly two values.
        id: column with a name for each row, or None to number them.
        group: column whose equal values are never split between train and test, or None.
        label_names: what to call the two values, negative first; the two values themselves in either order
            say which is negative. By default the values as they stand, with known pairs (neg/pos, no/yes,
            false/true, 0/1) negative first and others sorted.
    """

    text: str
    label: str
    id: str | None = None
    group: str | None = None
    label_names: tuple[str, str] | None = None


def guess_mapping(frame: pd.DataFrame, name: str) -> ColumnMapping:
    """The mapping that a table's column names and values suggest.

    Raises:
        DataError: no column looks like the text, or none like the label.
    """
    columns = {str(column).strip().casefold(): str(column) for column in reversed(list(frame.columns))}

    def called(names: Sequence[str]) -> str | None:
        return next((columns[name] for name in names if name in columns), None)

    label = called(LABEL_COLUMNS) or _first_with_two_values(frame)
    if label is None:
        raise DataError(
            f"{named(name)}: no column has two values, so none can be the label ({_names(frame)})"
        )
    text = called([name for name in TEXT_COLUMNS if columns.get(name) != label]) or _longest_text(
        frame, label
    )
    if text is None:
        raise DataError(f"{named(name)}: no column beside {quoted(label)} holds text ({_names(frame)})")
    return ColumnMapping(text, label, called(("id",)), called(("group", "group_id")))


def questions_from_table(frame: pd.DataFrame, mapping: ColumnMapping, name: str) -> list[Question]:
    """One question a row, in the table's order, groups merged over near-duplicate texts.

    Args:
        name: the file's name, which becomes the source.

    Raises:
        DataError: a column is missing, a text or label is empty, an id stands twice, or the label column does
            not hold exactly two values.
    """
    _check_mapping(frame, mapping, name)
    texts = _texts(frame, mapping.text, name)
    labels = _labels(frame, mapping.label, name)
    for column, found in ((mapping.text, texts), (mapping.label, labels)):
        if empty := [place for place, value in enumerate(found) if value is None]:
            raise DataError(f"{named(name)} {_places(frame, empty)}: column {quoted(column)} is empty")
    sides, choices = _choices([label for label in labels if label is not None], mapping, name)
    ids = _ids(frame, mapping, name)
    groups = [None] * len(ids) if mapping.group is None else _texts(frame, mapping.group, name)
    questions = [
        Question(
            f"{name}:{key}",
            text,
            sides.index(label),
            choices,
            name,
            f"{name}:{key}" if group is None else f"{name}:group {group}",
        )
        for key, text, label, group in zip(ids, texts, labels, groups, strict=True)
        if text is not None and label is not None
    ]
    return merge_near_duplicates(questions)


def label_sides(
    frame: pd.DataFrame, mapping: ColumnMapping, name: str
) -> tuple[tuple[str, str], tuple[str, str]]:
    """The label column's two values as they stand, negative first, and what the questions call them.

    Raises:
        DataError: a column is missing, or the label column does not hold exactly two values.
    """
    _check_mapping(frame, mapping, name)
    labels = [label for label in _labels(frame, mapping.label, name) if label is not None]
    (negative, positive), choices = _choices(labels, mapping, name)
    return (negative, positive), choices


def with_positive(mapping: ColumnMapping, sides: tuple[str, str], positive: str) -> ColumnMapping:
    """The mapping under which one of the two values that `label_sides` gives is the positive one."""
    return replace(mapping, label_names=None if positive == sides[1] else (sides[1], sides[0]))


def report_problems(frame: pd.DataFrame, mapping: ColumnMapping, name: str) -> list[str]:
    """What a person should know before anything runs, one sentence each; empty where all is well."""
    try:
        _check_mapping(frame, mapping, name)
        texts = _texts(frame, mapping.text, name)
        labels = _labels(frame, mapping.label, name)
    except DataError as error:
        return [str(error)]
    problems = []
    for column, values in (("text", texts), ("label", labels)):
        if empty := [place for place, value in enumerate(values) if value is None]:
            problems.append(f"{_count(len(empty), f'empty {column}')} ({_places(frame, empty)})")
    present = [text for text in texts if text is not None]
    if repeated := len(present) - len(set(present)):
        problems.append(f"{_count(repeated, 'duplicate text')}: they share a group")
    if contradicted := _contradicted(texts, labels):
        problems.append(f"{_count(contradicted, 'text')} with both labels")
    counts = Counter(label for label in labels if label is not None)
    try:
        _choices(list(counts), mapping, name)
        _ids(frame, mapping, name)
    except DataError as error:
        problems.append(str(error))
    if len(counts) == 2 and min(counts.values()) < ONE_SIDED * counts.total():
        label, number = counts.most_common()[-1]
        problems.append(f"one-sided labels: only {number:,} of {counts.total():,} are {quoted(label)}")
    return problems


def _names(frame: pd.DataFrame) -> str:
    return "columns: " + listed([str(column) for column in frame.columns])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _places(frame: pd.DataFrame, positions: list[int], most: int = 5) -> str:
    """Where rows stand in the file: "line 3", "lines 3, 7 and 2 more"."""
    known = frame.index.name in ("line", "row")
    unit = str(frame.index.name) if known else "row"
    numbers = [str(frame.index[place] if known else place + 1) for place in positions[:most]]
    more = f" and {len(positions) - most:,} more" if len(positions) > most else ""
    return f"{unit}{'' if len(positions) == 1 else 's'} {', '.join(numbers)}{more}"


def _check_mapping(frame: pd.DataFrame, mapping: ColumnMapping, name: str) -> None:
    for column in (mapping.text, mapping.label, mapping.id, mapping.group):
        if column is not None and column not in frame.columns:
            raise DataError(f"{named(name)} has no column {quoted(column)} ({_names(frame)})")
    if mapping.text == mapping.label:
        raise DataError(f"{named(name)}: column {quoted(mapping.text)} cannot be both text and label")


def _texts(frame: pd.DataFrame, column: str, name: str) -> list[str | None]:
    """One column's values as text, None where a value is missing or blank.

    A whole number stands without its decimal point: Parquet turns 0 and 1 into 0.0 and 1.0 beside a gap.
    """
    texts: list[str | None] = []
    for place, value in enumerate(frame[column].tolist()):
        if isinstance(value, list | tuple | dict | set | bytes | np.ndarray):
            kind = type(value).__name__
            raise DataError(
                f"{named(name)} {_places(frame, [place])}: column {quoted(column)} holds a {kind}, not text"
            )
        if not isinstance(value, str):
            value = "" if pd.isna(value) else str(int(value) if _is_whole(value) else value)
        texts.append(value if value.strip() else None)
    return texts


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()


def _labels(frame: pd.DataFrame, column: str, name: str) -> list[str | None]:
    return [None if text is None else text.strip() for text in _texts(frame, column, name)]


def _choices(
    labels: Sequence[str], mapping: ColumnMapping, name: str
) -> tuple[tuple[str, ...], tuple[str, str]]:
    """The two label values in the order negative, positive, and what they are called."""
    values = tuple(sorted(set(labels)))
    if len(values) != 2:
        found = f"{_count(len(values), 'value')} ({listed(values, most=5)})" if values else "no values"
        raise DataError(
            f"column {quoted(mapping.label)} of {named(name)} has {found}: a label column needs exactly two"
        )
    if too_long := [value for value in values if len(value) > LONGEST_LABEL]:
        raise DataError(
            f"{named(name)}: label {quoted(too_long[0])} is too long: at most {LONGEST_LABEL} characters"
        )
    folded = tuple(value.casefold() for value in values)
    known = KNOWN_PAIRS.get((folded[0], folded[1]))
    if mapping.label_names is None:
        return values, known or (values[0], values[1])
    if len(mapping.label_names) != 2 or not all(label.strip() for label in mapping.label_names):
        raise DataError(f"{named(name)}: label names must be two names that are not empty")
    if len({label.strip().casefold() for label in mapping.label_names}) != 2:
        raise DataError(f"{named(name)}: both labels cannot be named {quoted(mapping.label_names[0])}")
    if set(mapping.label_names) == set(values):
        values = mapping.label_names
    return values, mapping.label_names


def _ids(frame: pd.DataFrame, mapping: ColumnMapping, name: str) -> list[str]:
    if mapping.id is None:
        return [str(number) for number in range(1, len(frame) + 1)]
    places: dict[str, int] = {}
    for place, key in enumerate(_texts(frame, mapping.id, name)):
        if key is None:
            raise DataError(f"{named(name)} {_places(frame, [place])}: column {quoted(mapping.id)} is empty")
        if key in places:
            where = _places(frame, [places[key], place])
            raise DataError(f"{named(name)} {where}: column {quoted(mapping.id)} holds {quoted(key)} twice")
        places[key] = place
    return list(places)


def _contradicted(texts: Sequence[str | None], labels: Sequence[str | None]) -> int:
    """How many texts stand with more than one label."""
    pairs = {(text, label) for text, label in zip(texts, labels, strict=True) if text and label}
    return sum(number > 1 for number in Counter(text for text, _ in pairs).values())


def _first_with_two_values(frame: pd.DataFrame) -> str | None:
    for column in frame.columns:
        try:
            if len(set(_labels(frame, column, "")) - {None}) == 2:
                return str(column)
        except DataError:
            continue
    return None


def _longest_text(frame: pd.DataFrame, label: str) -> str | None:
    """The column, other than the label, whose values have the most characters."""
    lengths = {
        str(column): sum(len(value) for value in frame[column].tolist() if isinstance(value, str))
        for column in frame.columns
        if column != label
    }
    longest = max(lengths, key=lambda column: lengths[column], default=None)
    return longest if longest is not None and lengths[longest] else None
