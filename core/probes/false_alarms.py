"""False alarms: how often a detector alarms on ordinary conversation, where there is nothing to alarm about.

The threshold is set on one half of the conversation, and its false-positive rate judged on the other. What
the detector finds at that threshold stands beside it. Neither interval covers another threshold or another
fit: they cover the sampling of the answers that are judged.
"""

import random
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.labels import share_with_interval
from core.probes.metrics import not_measurable, threshold_at


@dataclass(frozen=True)
class Alarms:
    """The share of n answers, of so many groups, that a detector alarms on, with its 95 % interval."""

    share: float
    ci: tuple[float, float]
    n: int
    groups: int

    def to_json(self) -> dict:
        """Plain values."""
        return {"share": self.share, "ci": list(self.ci), "n": self.n, "groups": self.groups}

    def __str__(self) -> str:
        low, high = self.ci
        return f"{self.share:.1%} (95 %: {low:.1%} to {high:.1%}; n {self.n:,})"


@dataclass(frozen=True)
class HalfThreshold:
    """A threshold set on half of the groups of ordinary conversation, and judged on the others.

    Attributes:
        value: it alarms on scores above; None where there are too few groups, and `why` says so.
        set_on: answers, or tokens, that set it; false_alarms: among those of the other half.
    """

    value: float | None
    set_on: int
    false_alarms: Alarms | None
    why: str | None


@dataclass(frozen=True)
class FalseAlarms:
    """A detector at the threshold for one false-positive rate.

    Attributes:
        wanted: the rate that the threshold was set for.
        alarms_on: what the detector looks for, in words.
        threshold: it alarms on scores above; None where there are too few negatives, and `why` says so.
        set_on: answers that set the threshold.
        false_alarms: on the other half of ordinary conversation.
        recall: on the answers that hold what it looks for.
    """

    wanted: float
    alarms_on: str
    threshold: float | None
    set_on: int
    false_alarms: Alarms | None
    recall: Alarms | None
    why: str | None

    @property
    def sentence(self) -> str:
        """What it comes to, in plain words."""
        if self.why is not None:
            return f"false alarms at {self.wanted:.0%}: {self.why}"
        return (
            f"at a threshold set for {self.wanted:.0%} of ordinary conversation (n {self.set_on:,}): "
            f"alarms on {self.false_alarms} of the other half, and on {self.recall} of {self.alarms_on}"
        )

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        return {
            "wanted": self.wanted,
            "alarms_on": self.alarms_on,
            "threshold": self.threshold,
            "set_on": self.set_on,
            "false_alarms": None if self.false_alarms is None else self.false_alarms.to_json(),
            "recall": None if self.recall is None else self.recall.to_json(),
            "why": self.why,
        }


def false_alarms(
    benign: np.ndarray,
    benign_groups: np.ndarray,
    positive: np.ndarray,
    positive_groups: np.ndarray,
    wanted: float,
    *,
    alarms_on: str,
    seed: int = 0,
) -> FalseAlarms:
    """Set a threshold on half of the benign answers and judge it on the others, and on the positives.

    A half is told by its groups and not by its answers: wordings of one prompt hang together.

    Args:
        benign: scores of ordinary conversation, (n,); the higher, the more the detector would alarm.
        positive: scores of answers that hold what it looks for, (m,).
        benign_groups, positive_groups: (n,) and (m,).
        wanted: of `core.probes.metrics.LEAST_NEGATIVES`.

    Raises:
        ProbeError: another rate is wanted.
    """
    found = half_threshold(benign, benign_groups, wanted, seed)
    recall = None if found.value is None else _alarms(positive > found.value, positive_groups)
    return FalseAlarms(wanted, alarms_on, found.value, found.set_on, found.false_alarms, recall, found.why)


def half_threshold(scores: np.ndarray, groups: np.ndarray, wanted: float, seed: int = 0) -> HalfThreshold:
    """Set a threshold that a share `wanted` of half of the conversation lies above, and judge it on the rest.

    Groups count, and not answers or tokens, for whether a rate can be told.

    Args:
        scores, groups: of ordinary conversation, (n,) each.
        wanted: of `core.probes.metrics.LEAST_NEGATIVES`.

    Raises:
        ProbeError: another rate is wanted.
    """
    sets = first_half(groups, seed)
    fewest = min(len(set(groups[half])) for half in (sets, ~sets))
    if (why := not_measurable(wanted, fewest)) is not None:
        return HalfThreshold(None, int(sets.sum()), None, f"{why} in each half")
    value = threshold_at(scores[sets], wanted)
    return HalfThreshold(value, int(sets.sum()), _alarms(scores[~sets] > value, groups[~sets]), None)


def first_half(groups: np.ndarray, seed: int = 0) -> np.ndarray:
    """Which answers are of a random half of the groups, (n,)."""
    names = sorted(set(groups))
    random.Random(f"false alarms {seed}").shuffle(names)
    return np.isin(groups, names[: len(names) // 2])


def _alarms(alarmed: np.ndarray, groups: np.ndarray) -> Alarms:
    share, (low, high) = share_with_interval(pd.Series(alarmed, dtype=float), pd.Series(groups))
    return Alarms(share, (low, high), len(alarmed), len(set(groups)))
