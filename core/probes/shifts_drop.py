"""What an AUROC loses from one set of answers to another about the same questions.

The answers differ (those of two runs), and so may their number; the groups of questions are the same, and are
drawn anew together: how hard the questions are cancels.
"""

from dataclasses import dataclass

import numpy as np

from core.labels import wilson_interval
from core.probes.metrics import RESAMPLES, SAME, auroc


@dataclass(frozen=True, eq=False)
class Judged:
    """Answers of a run that judge a probe: target (0 or 1), score, group and question, (n,) each."""

    target: np.ndarray
    scores: np.ndarray
    groups: np.ndarray
    questions: np.ndarray


@dataclass(frozen=True)
class Drop:
    """An AUROC less another, with its 95 % interval; of so many questions in so many groups."""

    value: float
    ci: tuple[float, float]
    questions: int
    groups: int


def drop_between(first: Judged, second: Judged, seed: int = 0) -> Drop:
    """The AUROC of the first less that of the second, of one probe on the same questions asked in two ways.

    The interval is a seeded bootstrap over groups. It does not cover another fit. Where no resample differs,
    it is as wide as Wilson's with the smaller class's number of groups, as in `core.probes.metrics.margin`.

    Source: cluster bootstrap, Field and Welsh 2007, "Bootstrapping clustered data".

    Raises:
        ProbeError: one class only.
    """
    value = auroc(first.target, first.scores) - auroc(second.target, second.scores)
    names = np.unique(np.concatenate([first.groups, second.groups]))
    sides = [_Side(judged, np.searchsorted(names, judged.groups)) for judged in (first, second)]
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        times = np.bincount(generator.integers(0, len(names), len(names)), minlength=len(names))
        found = [side.auroc(times) for side in sides]
        if not np.isnan(found).any():
            drawn.append(found[0] - found[1])
    questions = len(set(first.questions) | set(second.questions))
    if np.ptp(drawn) >= SAME:
        low, high = np.percentile(drawn, [2.5, 97.5])
    else:
        smaller = min(len(set(first.groups[first.target == label])) for label in (0, 1))
        half = 1 - wilson_interval(smaller, smaller)[0]
        low, high = max(-1.0, value - half), min(1.0, value + half)
    return Drop(value, (float(low), float(high)), questions, len(names))


class _Side:
    """One run's answers, ready to be weighted by how often each group is drawn."""

    def __init__(self, judged: Judged, group: np.ndarray) -> None:
        self.positive, self.group = judged.target == 1, group
        self.place = np.unique(judged.scores, return_inverse=True)[1]

    def auroc(self, times: np.ndarray) -> float:
        """The AUROC where each group counts so often; NaN where a class is missing."""
        weights = times[self.group].astype(float)
        positive = np.bincount(self.place, weights * self.positive)
        negative = np.bincount(self.place, weights * ~self.positive)
        pairs = positive.sum() * negative.sum()
        below = negative.cumsum() - negative / 2
        return float(positive @ below / pairs) if pairs else float("nan")
