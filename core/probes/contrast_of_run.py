"""The contrast pairs of a stored run: what its harvest kept of each prompt continued with both choices.

A pair is the prompt's, whatever was answered: of several sampled answers to one prompt the first stands for
all. Methods that need wordings get all those of a question in one row.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from core.errors import ProbeError
from core.probes.methods import CONTRAST_METHODS, method_named
from core.probes.methods.vinc import FEWEST
from core.pruning.rules import not_finite
from core.store.runs import Run, RunStore
from core.store.states import CONTINUATIONS

UNIT = ["question", "mode", "order", "demo_set"]
"""What the wordings of one question have in common."""
MEANS = ["p_0", "p_1", "outside"]
ANY = ["dropped", "dropped_outcome"]


def missing_for(store: RunStore, run: Run, method: str) -> str | None:
    """What a run lacks of what a method of contrast pairs needs, in a sentence; None where it has all."""
    if not store.states(run.run).contrast:
        return (
            f"run {run.run} keeps no contrast pairs, which {', '.join(CONTRAST_METHODS)} learn from: harvest "
            "again with --contrast (Contrast pairs on the Generate page)"
        )
    wordings = len(run.settings["wordings"])
    if method_named(method).needs == "contrast wordings" and wordings < FEWEST:
        return (
            f"run {run.run} asks in {wordings} wording{'' if wordings == 1 else 's'}, and method {method!r} "
            f"needs {FEWEST} or more of each question: harvest again with --contrast --wording 0 --wording 1 "
            "--wording 2"
        )
    return None


def contrast_pairs(
    store: RunStore, run: Run, frame: pd.DataFrame, method: str
) -> tuple[pd.DataFrame, Callable[[int], np.ndarray]]:
    """The labelled answers that stand for a run's contrast pairs, and a reader of the pairs by layer.

    Args:
        frame: all of the run's labelled answers.
        method: of `core.probes.methods.CONTRAST_METHODS`.

    Returns:
        Answers, and of one layer (answers, 2, d_model), or (answers, wordings, 2, d_model), see
        `over_wordings`.

    Raises:
        ProbeError: see `missing_for`; or there are no answers yet.
    """
    if (missing := missing_for(store, run, method)) is not None:
        raise ProbeError(missing)
    frame = frame[(frame["sample"] == 0) & ~not_finite(frame)].reset_index(drop=True)
    rows = frame["answer"].to_numpy()
    if method_named(method).needs == "contrast wordings":
        frame, rows = over_wordings(frame, run.settings["wordings"])
    if not len(frame):
        raise ProbeError(f"run {run.run} has no contrast pairs yet: wait for its harvest, or go on with it")

    def pairs(layer: int) -> np.ndarray:
        sides = [store.layer(run.run, choice, layer, rows.ravel()) for choice in CONTINUATIONS]
        return np.stack([side.reshape(*rows.shape, -1) for side in sides], axis=-2)

    return frame, pairs


def over_wordings(frame: pd.DataFrame, wordings: list[int]) -> tuple[pd.DataFrame, np.ndarray]:
    """One row for each question (mode, choice order, demonstrations) that was asked in all wordings.

    Args:
        frame: labelled answers, one for each prompt.

    Returns:
        The answers in the first wording, their output's probabilities the means over wordings, dropped where
        one of the wordings is; and the answers' numbers, (rows, wordings).
    """
    asked = frame[frame["wording"].isin(wordings)]
    answers = asked.pivot(index=UNIT, columns="wording", values="answer").reindex(columns=wordings).dropna()
    first = asked[asked["wording"] == wordings[0]].set_index(UNIT, drop=False)
    first = first[first.index.isin(answers.index)]
    units = asked.groupby(UNIT)
    together = pd.concat([units[MEANS].mean(), units[ANY].any()], axis=1).loc[first.index]
    made = first.reset_index(drop=True).assign(**{name: together[name].to_numpy() for name in MEANS + ANY})
    return made, answers.loc[first.index].to_numpy(dtype=int)


def check_alike(trained: Run, judged: Run, method: str) -> None:
    """Refuse to judge a probe over wordings on a run of more or fewer: each has a normalisation of its own.

    Raises:
        ProbeError: says how many each run has.
    """
    if method_named(method).needs != "contrast wordings":
        return
    here, there = (len(run.settings["wordings"]) for run in (trained, judged))
    if here != there:
        raise ProbeError(
            f"run {trained.run} asks in {here} wordings and run {judged.run} in {there}: method {method!r} "
            "normalises each wording by itself, so judge it on a run of as many"
        )
