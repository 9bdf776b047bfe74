"""What the answers' tokens tell a person who must decide whether to trust a reading.

From the store alone: a run and its answers with their heavy columns (`RunStore.answers(run, heavy=True)`),
and a tokenizer where ids must be written out. The tables themselves are in `spellings.py`.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from core.answers import first_token_collisions
from core.engine.prompts import Row, prompt_of, prompt_parts
from core.prompts.chat import token_table
from core.spellings import (
    Outside,
    Share,
    first_spelling_share,
    outside_table,
    reader_of,
    share_of,
    spelling_table,
)
from core.store.runs import Run

__all__ = [
    "Outside",
    "ReadingWarning",
    "Share",
    "first_spelling_share",
    "outside_table",
    "prompt_tokens",
    "reading_warnings",
    "spelling_table",
]

LITTLE_MASS = 0.5
CONSTANT = 0.95
UNREADABLE = 0.2
FAR_OFFSET = 1.0
DISAGREE = 0.05
FEWEST = 10


@dataclass(frozen=True)
class ReadingWarning:
    """One reason not to trust a reading, as a sentence; `n`: the answers that it stands on.

    Attributes:
        severity: `warning` where a reading may be wrong, `note` where it only needs to be known.
    """

    severity: Literal["warning", "note"]
    text: str
    n: int


def reading_warnings(run: Run, frame: pd.DataFrame) -> list[ReadingWarning]:
    """Every reason not to trust this run's readings, the gravest first; empty where there is none.

    Shares are judged mode by mode, and only where a mode has at least ten answers.
    """
    found = _of_choices(run, len(frame))
    for mode, rows in frame.groupby("mode", sort=True):
        if len(rows) >= FEWEST:
            found += _of_mode(run, str(mode), rows)
    found += _of_leans(run, frame)
    return sorted(found, key=lambda warning: warning.severity != "warning")


def _of_choices(run: Run, n: int) -> list[ReadingWarning]:
    reader, found = reader_of(run), []
    if shared := first_token_collisions(reader):
        ids = ", ".join(map(str, shared))
        text = (
            f"spellings of {reader.choices[0]!r} and {reader.choices[1]!r} begin with the same token "
            f"(id {ids}): their first token says nothing"
        )
        found.append(ReadingWarning("warning", text, n))
    if not reader.single:
        long = [
            choice
            for index, choice in enumerate(reader.choices)
            if not any(s.choice == index and len(s.ids) == 1 for s in reader.spellings)
        ]
        named = " and ".join(map(repr, long or reader.choices))
        text = (
            f"{named} {'is' if len(long) == 1 else 'are'} not a single token for this tokenizer: both "
            "choices are scored as whole sequences, and the likeliest first tokens show only how they begin"
        )
        found.append(ReadingWarning("note", text, n))
    return found


def _of_mode(run: Run, mode: str, rows: pd.DataFrame) -> list[ReadingWarning]:
    choices, found, n = run.facts["choices"], [], len(rows)
    mass = float((rows["p_0"] + rows["p_1"]).mean())
    if mass < LITTLE_MASS:
        text = (
            f"under {mode}, the choices get {mass:.0%} of the probability on average (n = {n}): how an "
            "answer leans rests on a small part of what the model would say"
        )
        found.append(ReadingWarning("warning", text, n))
    silent = share_of(list(rows["said"].isna()))
    if silent.share > UNREADABLE:
        text = f"under {mode}, {silent.share:.0%} of {n} answers say neither choice: they have no said"
        found.append(ReadingWarning("warning", text, n))
    for column, verb in (("leans", "lean to"), ("said", "say")):
        values = rows[column].dropna()
        if len(values) < FEWEST:
            continue
        counts = values.value_counts()
        if counts.iloc[0] > CONSTANT * len(values):
            text = (
                f"under {mode}, {counts.iloc[0]} of {len(values)} answers {verb} "
                f"{choices[int(counts.index[0])]!r}: that hardly depends on the question"
            )
            found.append(ReadingWarning("warning", text, len(values)))
    return found


def _of_leans(run: Run, frame: pd.DataFrame) -> list[ReadingWarning]:
    found, n = [], len(frame)
    offsets = frame["offset"]
    if n and offsets.abs().max() > FAR_OFFSET:
        low, high = offsets.min(), offsets.max()
        size = f"{low:+.1f} nats" if high - low < 0.05 else f"{low:+.1f} to {high:+.1f} nats"
        differ = (frame["leans"] != frame["leans_calibrated"]).mean()
        second = run.facts["choices"][1]
        where = (
            "on labelled questions outside the run, truth and its opposite are even at a leaning of"
            if run.settings.get("calibration") == "platt"
            else "without any content the template itself leans by"
        )
        text = (
            f"{where} {size} (above 0: to {second!r}): raw and calibrated leans differ in {differ:.0%} of "
            f"{n} answers"
        )
        found.append(ReadingWarning("warning", text, n))
    if run.settings.get("calibration_per_mode"):
        text = (
            "leans are calibrated in each mode by itself: what a mode does to all answers alike is taken off "
            "with the template"
        )
        found.append(ReadingWarning("note", text, n))
    readable = frame[frame["said"].notna()]
    differ = share_of(list(readable["said"] != readable["leans"]))
    if differ.n >= FEWEST and differ.share > DISAGREE:
        text = f"said and the first token's lean differ in {differ.share:.0%} of {differ.n} answers"
        found.append(ReadingWarning("warning", text, differ.n))
    return found


def prompt_tokens(run: Run, row: Row, tokenizer: Any) -> pd.DataFrame:
    """One stored answer token by token: position, id, token, special, part.

    `part` is instruction, demonstrations, question, format (the chat template's own and the answer's prefix)
    or answer (emitted); `prompt` where the prompt's parts cannot be told apart.

    Raises:
        StoreError: see `prompt_of`.
    """
    prompt = prompt_of(run, row, tokenizer)
    emitted = json.loads(row["ids"])
    table = pd.DataFrame(token_table(tokenizer, [*prompt.ids, *emitted]))
    table["part"] = [*prompt_parts(run, row, tokenizer, prompt), *["answer"] * len(emitted)]
    return table
