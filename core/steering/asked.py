"""The questions of an experiment: of a run's test groups only, in every mode, as the run asked them."""

import random as chance
from collections import defaultdict

import numpy as np
import pandas as pd

from core.errors import ProbeError
from core.probes.rows import PAIR

MODES = ("honest", "lie")


def asked_answers(frame: pd.DataFrame, test: frozenset[str], n: int, seed: int) -> pd.DataFrame:
    """The run's answers whose prompts are asked again, one for each question and mode.

    Questions are drawn with a seed, as many of each label as can be. Where the run put a question in several
    wordings, choice orders or with several sets of demonstrations, questions take turns with them, and all
    modes of a question share one. Answers dropped for quality are left out with their question.

    Args:
        frame: labelled answers (see `core.labels`).
        test: groups that the probe was neither trained nor chosen on.
        n: questions at most.

    Raises:
        ProbeError: no question of the test groups was answered in all modes.
    """
    modes = [mode for mode in MODES if (frame["mode"] == mode).any()] or list(dict.fromkeys(frame["mode"]))
    usable = frame["group"].isin(test) & ~frame["dropped"].astype(bool) & frame["mode"].isin(modes)
    if "sample" in frame:
        usable &= frame["sample"] == 0
    part = frame[usable].sort_values("answer")
    whole = part.groupby(PAIR)["mode"].transform("nunique") == len(modes)
    part = part[whole]
    if part.empty:
        raise ProbeError(
            f"no question of the test groups was answered in {' and '.join(modes)}: harvest more questions"
        )
    chosen = set(_draw(part.drop_duplicates("question"), n, seed))
    part = part[part["question"].isin(chosen)]
    turns = [key for key, _ in part.groupby(PAIR[1:], sort=True)]
    kept = []
    for number, (_, rows) in enumerate(part.groupby("question", sort=True)):
        arms = {tuple(row) for row in rows[PAIR[1:]].to_numpy().tolist()}
        offered = [turn for turn in turns if tuple(turn) in arms]
        arm = offered[number % len(offered)]
        kept.append(rows[(rows[PAIR[1:]] == list(arm)).all(axis=1)])
    return pd.concat(kept, ignore_index=True)


def other_mode_rows(asked: pd.DataFrame) -> np.ndarray:
    """For each answer, the row of the other mode's answer to the same question, (answers,).

    Raises:
        ProbeError: the run has not exactly two modes to patch between.
    """
    if asked["mode"].nunique() != 2:
        raise ProbeError("patching takes the other mode's state: harvest the questions under honest and lie")
    place = {(r.question, r.mode): number for number, r in enumerate(asked.itertuples())}
    first, second = asked["mode"].unique()
    other = {first: second, second: first}
    return np.array([place[r.question, other[str(r.mode)]] for r in asked.itertuples()])


def _draw(questions: pd.DataFrame, n: int, seed: int) -> list[str]:
    """Ids of at most n questions, in turns of each label."""
    generator = chance.Random(f"steering {seed}")
    of_label: dict[int, list[str]] = defaultdict(list)
    for row in questions.sort_values("question").itertuples():
        of_label[int(row.label)].append(str(row.question))
    for members in of_label.values():
        generator.shuffle(members)
    drawn: list[str] = []
    while len(drawn) < n and any(of_label.values()):
        for label in sorted(of_label):
            if of_label[label] and len(drawn) < n:
                drawn.append(of_label[label].pop())
    return drawn
