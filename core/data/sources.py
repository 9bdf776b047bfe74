"""Every way to name questions: a built-in source, a file, or a hub set behind `hub:`."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.data.claims import as_claims
from core.data.facts import CHOICES as FACT_CHOICES
from core.data.facts import FACTS, load_facts
from core.data.hub import PRESETS, hub_table
from core.data.open_questions import CHOICES as OPEN_CHOICES
from core.data.open_questions import OPEN, load_open, sample_open
from core.data.question import PLAIN, Question
from core.data.reviews import CHOICES as REVIEW_CHOICES
from core.data.reviews import FILES, balanced_sample, load_reviews
from core.data.styles import restyled
from core.data.tables import SUFFIXES, is_table_name, read_table
from core.data.training_half import leave_out_trained
from core.data.uploads import ColumnMapping, guess_mapping, label_sides, questions_from_table
from core.elicit.store import without_elicited
from core.errors import DataError

BUILT_IN = ("movie-reviews", "amazon-reviews", "tweets", "cities", "elements", "numbers", *OPEN)
FORMS = ("direct", "claim")
HUB = "hub:"
HUB_ROWS = 20_000


@dataclass(frozen=True)
class DataSettings:
    """Which questions to ask.

    Attributes:
        name: a built-in name, a path to a CSV, JSONL or Parquet file, or `hub:` and a hub set.
        n: how many questions, balanced over the labels; None for all.
        seed: decides the sample and the claims.
        form: `direct` asks for the label, `claim` states one and asks whether that is true.
        mapping: what the columns of a file or hub set mean; guessed where None.
        split: the hub set's split.
        left_out: an elicitation whose questions, with their whole groups, are neither asked nor shown.
        style: how the questions that are asked are dressed, of `core.data.styles.STYLES`.
    """

    name: str
    n: int | None = None
    seed: int = 0
    form: str = "direct"
    mapping: ColumnMapping | None = None
    split: str | None = None
    left_out: str | None = None
    style: str = PLAIN

    @staticmethod
    def from_dict(values: dict) -> "DataSettings":
        """The settings out of plain JSON values."""
        if not values.get("mapping"):
            return DataSettings(**values)
        mapping: dict[str, Any] = dict(values["mapping"])
        names = mapping.pop("label_names", None)
        chosen = ColumnMapping(**mapping, label_names=tuple(names) if names else None)
        return DataSettings(**(values | {"mapping": chosen}))


def load_questions(cache: Path, settings: DataSettings) -> list[Question]:
    """The questions to ask: a balanced seeded sample of the source where `n` is given, else all of it.

    What liars are trained on is left out, whatever the model: see `training_half`.

    Raises:
        DataError: the source is unknown or unusable, or has too few questions.
        StoreError: there is no elicitation as the one to be left out, or it used every question.
    """
    questions = _all_questions(cache, settings)
    if settings.n is not None and settings.name in OPEN:
        questions = sample_open(questions, settings.n, settings.seed)
    elif settings.n is not None:
        questions = balanced_sample(questions, settings.n, settings.seed)
    return _in_style(_in_form(questions, settings), settings)


def load_pool(cache: Path, settings: DataSettings) -> list[Question]:
    """All questions of the source, those of `load_questions` among them, to draw demonstrations from.

    Groups are the same in both. In claim form a question may come with another claim than in the sample. Of a
    hub set, where `n` is given, the pool is a seeded draw of max(20,000, 4·n) rows. All are in plain style:
    only what is asked is restyled.

    Raises:
        DataError: the source is unknown or unusable.
    """
    return _in_form(_all_questions(cache, settings), settings)


def load_with_trained(cache: Path, settings: DataSettings) -> list[Question]:
    """All questions of the source, in plain style, those that liars are trained on among them.

    Raises:
        DataError: the source is unknown or unusable.
    """
    return _in_form(_with_trained(cache, settings), settings)


def source_choices(cache: Path, settings: DataSettings) -> tuple[str, str]:
    """What the labels of a source mean in direct form, negative first: Negative/Positive, False/True.

    Raises:
        DataError: the source is unknown, or its label column does not hold exactly two values.
    """
    if settings.name in FILES:
        return REVIEW_CHOICES
    if settings.name in FACTS:
        return FACT_CHOICES
    if settings.name in OPEN:
        return OPEN_CHOICES
    preset = PRESETS.get(settings.name.removeprefix(HUB))
    if preset and settings.mapping is None and settings.name.startswith(HUB):
        return preset.label_names
    return label_sides(*_table(cache, settings))[1]


def count_trained(cache: Path, settings: DataSettings) -> int:
    """How many of a source's questions liars are trained on, or on near-duplicates: none is asked."""
    found = _with_trained(cache, settings)
    return len(found) - len(leave_out_trained(cache, found))


def fingerprint(questions: list[Question]) -> str:
    """The SHA-256 (64 hexadecimal digits) of the questions' ids, texts, labels and open answers, in order."""
    digest = hashlib.sha256()
    for question in questions:
        parts = [question.id, question.text, question.label, *question.accepted]
        digest.update(json.dumps(parts).encode() + b"\n")
    return digest.hexdigest()


def _all_questions(cache: Path, settings: DataSettings) -> list[Question]:
    if settings.form not in FORMS:
        raise DataError(f"unknown form {settings.form!r}: choose {' or '.join(FORMS)}")
    questions = _whole_source(cache, settings)
    return questions if settings.left_out is None else without_elicited(cache, questions, settings.left_out)


def _whole_source(cache: Path, settings: DataSettings) -> list[Question]:
    return leave_out_trained(cache, _with_trained(cache, settings))


def _with_trained(cache: Path, settings: DataSettings) -> list[Question]:
    if settings.name in FILES:
        return load_reviews(cache, settings.name)
    if settings.name in FACTS:
        return load_facts(settings.name)
    if settings.name in OPEN:
        return load_open(settings.name)
    return questions_from_table(*_table(cache, settings))


def _table(cache: Path, settings: DataSettings) -> tuple[pd.DataFrame, ColumnMapping, str]:
    """A hub set's or file's rows, what their columns mean, and the source's name."""
    name = settings.name
    if name.startswith(HUB):
        rows = None if settings.n is None else max(HUB_ROWS, 4 * settings.n)
        return hub_table(name.removeprefix(HUB), settings.split, settings.mapping, rows, settings.seed, cache)
    if is_table_name(name):
        frame = read_table(name)
        file = Path(name).name
        return frame, settings.mapping or guess_mapping(frame, file), file
    raise DataError(
        f"unknown data {name!r}: choose {', '.join(BUILT_IN)}, a path that ends in {', '.join(SUFFIXES)}, "
        f"or {HUB} and a hub set"
    )


def _in_form(questions: list[Question], settings: DataSettings) -> list[Question]:
    return as_claims(questions, settings.seed) if settings.form == "claim" else questions


def _in_style(questions: list[Question], settings: DataSettings) -> list[Question]:
    if settings.style == PLAIN:
        return questions
    if settings.name in OPEN:
        raise DataError(f"{settings.name} asks openly: only questions with two choices are restyled")
    return restyled(questions, settings.style)
