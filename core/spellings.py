"""Which spellings carry each choice's probability, and where the rest went: tables from the store alone.

Takes a run and its answers with their heavy columns, as `RunStore.answers(run, heavy=True)` gives them.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.answers import Reader, Spelling, leaning
from core.labels import wilson_interval
from core.store.runs import Run


@dataclass(frozen=True, eq=False)
class Outside:
    """Where the probability outside both choices went.

    Attributes:
        table: token, text, id, mean_probability (0 counted where a token is not among an answer's ten
            likeliest: a lower bound), likeliest (answers in which it was the likeliest token of all).
        mean: mean probability outside both choices; NaN where there are no answers.
        explained: share of that mass that lies on the ten likeliest tokens.
        n: answers.
    """

    table: pd.DataFrame
    mean: float
    explained: float
    n: int


@dataclass(frozen=True)
class Share:
    """A count of n answers with the 95 % interval of its share; NaN where n is 0."""

    count: int
    n: int
    share: float
    ci: tuple[float, float]


def reader_of(run: Run) -> Reader:
    """The choices and their spellings as the run was read by."""
    spellings = tuple(
        Spelling(s["choice"], tuple(s["ids"]), s["text"], s["token"]) for s in run.facts["spellings"]
    )
    negative, positive = run.facts["choices"]
    return Reader((negative, positive), spellings, run.facts["single_token"])


def in_mode(frame: pd.DataFrame, mode: str | None) -> pd.DataFrame:
    """The answers of one mode, or all."""
    return frame if mode is None else frame[frame["mode"] == mode]


def spelling_table(run: Run, frame: pd.DataFrame, mode: str | None = None) -> pd.DataFrame:
    """One row per spelling of each choice, the likeliest first.

    Returns:
        choice, text (with its own leading space), shown (spaces drawn as ␣), ids, token (as the tokenizer
        writes it), mean_probability, n (answers that the mean is over), share_of_choice (of the choice's
        total mass), emitted (answers whose said choice was written with exactly these tokens), emitted_first
        (those in which it came first, where the probabilities are read), most_used (emitted most often, where
        none was emitted the likeliest; one per choice).
    """
    reader, rows = reader_of(run), in_mode(frame, mode)
    means = _probabilities(rows, len(reader.spellings)).mean(axis=0) if len(rows) else None
    written = [
        (tuple(json.loads(ids)[int(start) : int(end)]), int(start))
        for ids, said, start, end in zip(
            rows["ids"], rows["said"], rows["said_start"], rows["said_end"], strict=True
        )
        if said == said
    ]
    table = pd.DataFrame(
        {
            "choice": [reader.choices[s.choice] for s in reader.spellings],
            "text": [s.text for s in reader.spellings],
            "shown": [s.text.replace(" ", "␣").replace("\n", "⏎") for s in reader.spellings],
            "ids": [s.ids for s in reader.spellings],
            "token": [s.token for s in reader.spellings],
            "mean_probability": np.nan if means is None else means,
            "n": len(rows),
            "emitted": [sum(ids == s.ids for ids, _ in written) for s in reader.spellings],
            "emitted_first": [written.count((s.ids, 0)) for s in reader.spellings],
        }
    )
    totals = table.groupby("choice")["mean_probability"].transform("sum")
    table["share_of_choice"] = table["mean_probability"] / totals.where(totals > 0)
    table["index"] = [s.choice for s in reader.spellings]
    ordered = table.sort_values(["index", "emitted", "mean_probability"], ascending=[True, False, False])
    table["most_used"] = table.index.isin(ordered.drop_duplicates("index").index)
    table = table.sort_values(["index", "mean_probability"], ascending=[True, False], kind="stable")
    return table.drop(columns="index").reset_index(drop=True)


def outside_table(
    run: Run, frame: pd.DataFrame, tokenizer: Any, mode: str | None = None, most: int = 15
) -> Outside:
    """What the mass outside both choices went to, among each answer's ten likeliest first tokens.

    Where choices have several tokens, a token that begins one of their spellings counts as theirs.
    """
    rows = in_mode(frame, mode)
    n = len(rows)
    ours = {spelling.ids[0] for spelling in reader_of(run).spellings}
    mass: dict[int, float] = {}
    likeliest: dict[int, int] = {}
    for top in map(json.loads, rows["top"]):
        for place, (number, probability) in enumerate(top):
            if number not in ours:
                mass[number] = mass.get(number, 0.0) + probability
                likeliest[number] = likeliest.get(number, 0) + (place == 0)
    chosen = sorted(mass, key=lambda number: (-mass[number], number))[:most]
    table = pd.DataFrame(
        {
            "token": tokenizer.convert_ids_to_tokens(chosen),
            "text": [tokenizer.decode([number]) for number in chosen],
            "id": chosen,
            "mean_probability": [mass[number] / n for number in chosen],
            "likeliest": [likeliest[number] for number in chosen],
        }
    )
    outside = float(rows["outside"].sum())
    explained = min(1.0, sum(mass.values()) / outside) if outside > 0 else float("nan")
    return Outside(table, outside / n if n else float("nan"), explained, n)


def first_spelling_share(run: Run, frame: pd.DataFrame, mode: str | None = None) -> Share:
    """How many answers would lean the other way if only one spelling of each choice were counted.

    The spelling that a person would guess: written exactly as the choice, else the first. Leans are raw.
    """
    reader, rows = reader_of(run), in_mode(frame, mode)
    found = _probabilities(rows, len(reader.spellings))
    one = [_guessed(reader, choice) for choice in (0, 1)]
    changed = [leaning(p[one[0]], p[one[1]]) != leans for p, leans in zip(found, rows["leans"], strict=True)]
    return share_of(changed)


def share_of(marks: list[bool]) -> Share:
    """The share of marks that are true."""
    n, count = len(marks), int(sum(marks))
    return Share(count, n, count / n if n else float("nan"), wilson_interval(count, n))


def _guessed(reader: Reader, choice: int) -> int:
    mine = [place for place, s in enumerate(reader.spellings) if s.choice == choice]
    exact = [place for place in mine if reader.spellings[place].text == reader.choices[choice]]
    return (exact or mine)[0]


def _probabilities(rows: pd.DataFrame, spellings: int) -> np.ndarray:
    """Each answer's probability of each spelling, (answers, spellings)."""
    return np.array([json.loads(values) for values in rows["spellings"]]).reshape(len(rows), spellings)
