"""Which answers of a run and of its shifts train, choose the layer and judge: the same questions in each.

The split is that of the unshifted run, by its groups; a shifted run's answer goes where its question goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import ProbeError
from core.probes.by_layer import States
from core.probes.rows import (
    ProbeSettings,
    check_classes,
    check_samples,
    dropped_from_training,
    of_mode,
    one_of_each,
    with_target,
)
from core.probes.splits import Split, split_groups

NEGATED = "negated"
FEWEST = 20
"""Test questions that a run and its shift must share."""


@dataclass(frozen=True, eq=False)
class AskedRun:
    """A run's answers with states.

    Attributes:
        run: its id. name: what it is called as a shift.
        style: of its questions, see `core.data.styles`.
        frame: labelled answers (see `core.labels`); row i is row i of the states.
        states: gives one layer's states, (answers, d_model).
    """

    run: str
    name: str
    style: str
    frame: pd.DataFrame
    states: States


@dataclass(frozen=True, eq=False)
class ShiftRows:
    """The answers of all runs below each other, the unshifted run's first.

    Attributes:
        frame: labelled answers with `target`, `place` (which run, from 0) and `asked` (the question's id);
            `question` is one run's, so that nothing pairs answers of two.
        trains, chooses, judges: which answers may train, choose the layer, and judge, (n,) each.
    """

    frame: pd.DataFrame
    trains: np.ndarray
    chooses: np.ndarray
    judges: np.ndarray

    def of(self, which: np.ndarray, places: Sequence[int]) -> np.ndarray:
        """The row numbers of some runs' answers among `which`, (n,)."""
        return np.flatnonzero(which & self.frame["place"].isin(list(places)).to_numpy())

    def judged_together(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """The judging rows of the unshifted run and of another, of questions that judge in both."""
        asked = self.frame["asked"].to_numpy()
        first, second = self.of(self.judges, [0]), self.of(self.judges, [place])
        both = np.intersect1d(asked[first], asked[second])
        return first[np.isin(asked[first], both)], second[np.isin(asked[second], both)]


def shift_rows(unshifted: AskedRun, shifted: Sequence[AskedRun], settings: ProbeSettings) -> ShiftRows:
    """Split the unshifted run by group, and lay the same split over the others' answers.

    Of the shifted runs only answers to questions of the unshifted run are looked at.

    Raises:
        ProbeError: runs have no groups in common, label a question differently or share fewer than `FEWEST`
            test questions; or one class is left somewhere. Says which run.
    """
    frames = [unshifted.frame, *(other.frame for other in shifted)]
    split = split_groups(frames[0]["group"].tolist(), frames[0]["label"].tolist(), settings.seed)
    parts = []
    for place, (run, frame) in enumerate(zip([unshifted, *shifted], frames, strict=True)):
        check_samples(frame, settings)
        shared = _shared(unshifted, run) if place else pd.Series(True, frame.index)
        made = with_target(frame, settings.target)
        named = made.assign(place=place, asked=made["question"], question=run.run + " " + made["question"])
        parts.append(named.assign(**{name: of & shared for name, of in _uses(made, split, settings).items()}))
    whole = pd.concat(parts, ignore_index=True)
    rows = ShiftRows(whole, *(whole[name].to_numpy(dtype=bool) for name in ("trains", "chooses", "judges")))
    for place, run in enumerate(shifted, start=1):
        _check_judged(rows, place, run, unshifted, settings)
    return rows


def _shared(unshifted: AskedRun, other: AskedRun) -> pd.Series:
    """Which answers of the other run are to questions of the unshifted one, in the same group."""
    known = unshifted.frame.drop_duplicates("question").set_index("question")
    asked = other.frame["question"]
    shared = asked.map(known["group"]) == other.frame["group"]
    if not shared.any():
        raise ProbeError(
            f"runs {unshifted.run} and {other.run} have no groups of questions in common: harvest the same "
            "questions (the same data, number, seed and form) in another style or with another template"
        )
    label = asked.map(known["label"])
    if (unshifted.style == NEGATED) != (other.style == NEGATED):
        label = 1 - label
    if (unlike := shared & (label != other.frame["label"])).any():
        raise ProbeError(
            f"runs {unshifted.run} and {other.run} label question {asked[unlike].iloc[0]} differently: they "
            "are not of the same questions"
        )
    return shared


def _uses(frame: pd.DataFrame, split: Split, settings: ProbeSettings) -> dict[str, pd.Series]:
    """For what each answer of one run may be used, by its group and what people decided."""
    may_train, as_drawn = one_of_each(frame)
    usable = ~frame["dropped"].astype(bool) & frame["target"].notna()
    clean = usable & ~dropped_from_training(frame)
    group = frame["group"]
    return {
        "trains": group.isin(split.train) & clean & may_train & of_mode(frame, settings.train),
        "chooses": group.isin(split.validation) & clean & as_drawn,
        "judges": group.isin(split.test) & usable & as_drawn & of_mode(frame, settings.test),
    }


def _check_judged(
    rows: ShiftRows, place: int, run: AskedRun, unshifted: AskedRun, settings: ProbeSettings
) -> None:
    first, second = rows.judged_together(place)
    n = rows.frame["asked"].iloc[second].nunique()
    if n < FEWEST:
        raise ProbeError(
            f"runs {unshifted.run} and {run.run} share {n} test questions with answers in mode "
            f"{settings.test}, and {FEWEST} are needed: harvest more of the same questions in both"
        )
    for which, there in ((unshifted, first), (run, second)):
        what = f"test answers of run {which.run} in mode {settings.test}"
        check_classes(rows.frame, there, what, settings.target)
