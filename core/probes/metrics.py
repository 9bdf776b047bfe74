"""How well scores tell two classes apart, with intervals that know of groups."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

import core.reliability
from core.errors import ProbeError
from core.labels import wilson_interval

Z = 1.959964
SAME = 1e-9
"""Figures that differ by less differ by rounding."""
RESAMPLES = 1000
LEAST_NEGATIVES = {0.01: 500, 0.05: 100}
"""False-positive rates, and the negatives without which a rate so low cannot be told."""


@dataclass(frozen=True)
class Area:
    """An AUROC with its 95 % interval, and what it stands on."""

    auroc: float
    ci: tuple[float, float]
    n: int
    positive: int

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        return {"auroc": self.auroc, "auroc_ci": list(self.ci), "n": self.n, "positive": self.positive}


@dataclass(frozen=True)
class Margin:
    """A difference of two AUROCs on the same n answers, with its 95 % interval."""

    value: float
    ci: tuple[float, float]
    n: int


@dataclass(frozen=True)
class Control(Area):
    """The AUROC of something that a probe must beat, and the probe's margin over it on the same answers."""

    margin: Margin

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        return super().to_json() | {"margin": self.margin.value, "margin_ci": list(self.margin.ci)}


@dataclass(frozen=True)
class BalancedAccuracy:
    """The mean of the two classes' accuracies with its 95 % interval, of n answers, `positive` of them."""

    value: float
    ci: tuple[float, float]
    n: int
    positive: int

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        return {
            "balanced_accuracy": self.value,
            "balanced_accuracy_ci": list(self.ci),
            "n": self.n,
            "positive": self.positive,
        }


@dataclass(frozen=True)
class RecallAtRate:
    """The share of positives found at a threshold that at most `rate` of the negatives pass.

    Attributes:
        recall, ci: None where there are too few negatives, and `why` says so.
        positive, negative: answers of each class.
    """

    rate: float
    recall: float | None
    ci: tuple[float, float] | None
    positive: int
    negative: int
    why: str | None

    def __str__(self) -> str:
        if self.recall is None or self.ci is None:
            figure = str(self.why)
        else:
            figure = f"{self.recall:.3f} ({self.ci[0]:.3f} to {self.ci[1]:.3f})"
        return f"recall at {self.rate:.0%} false positives: {figure}"

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        return {
            "false_positive_rate": self.rate,
            "recall": self.recall,
            "recall_ci": None if self.ci is None else list(self.ci),
            "positive": self.positive,
            "negative": self.negative,
            "why": self.why,
        }


def auroc(target: np.ndarray, scores: np.ndarray) -> float:
    """The probability that a positive scores above a negative, ties counted half (Mann-Whitney U).

    Raises:
        ProbeError: one class only.
    """
    target = np.asarray(target).astype(bool)
    positive, negative = int(target.sum()), int((~target).sum())
    if not positive or not negative:
        which = "positive" if positive else "negative"
        raise ProbeError(
            f"only one class is left ({positive + negative} answers, all {which}): AUROC needs two"
        )
    scores = np.asarray(scores)
    if np.isnan(scores).any():
        return float("nan")
    below = np.sort(scores[~target])
    beaten, not_above = (np.searchsorted(below, scores[target], side=side) for side in ("left", "right"))
    return float((beaten.sum() + not_above.sum()) / 2 / (positive * negative))


def area(target: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> Area:
    """AUROC with a 95 % interval for clustered data, on the logit scale.

    Answers of one group are not independent: the variance sums structural components by group. With one
    answer a group it is DeLong's. At an AUROC of exactly 0 or 1 the variance is 0 and says nothing; there the
    interval is Wilson's with the smaller class's number of groups.

    Source: Obuchowski 1997, "Nonparametric analysis of clustered ROC curve data", Biometrics 53.

    Raises:
        ProbeError: one class only.
    """
    target = np.asarray(target).astype(bool)
    value, above, below = _components(target, scores)
    variance, smaller = _clustered_variance(target, above - value, below - value, groups)
    n, positive = len(target), int(target.sum())
    if value in (0.0, 1.0) or smaller < 2:
        return Area(value, wilson_interval(value * smaller, smaller), n, positive)
    half = Z * math.sqrt(variance) / (value * (1 - value))
    centre = math.log(value / (1 - value))
    return Area(value, (_expit(centre - half), _expit(centre + half)), n, positive)


def margin(target: np.ndarray, scores: np.ndarray, others: np.ndarray, groups: np.ndarray) -> Margin:
    """By how much one set of scores tells the classes better apart than another on the same answers.

    The two are judged on the same answers, so that what they share cancels: intervals of the two AUROCs may
    overlap where their difference is clear. Where the difference does not vary, the interval is as wide as
    Wilson's with the smaller class's number of groups.

    Source: DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44; by groups as in `area`.

    Raises:
        ProbeError: one class only.
    """
    target = np.asarray(target).astype(bool)
    first, above, below = _components(target, scores)
    second, other_above, other_below = _components(target, others)
    value = first - second
    above, below = above - other_above - value, below - other_below - value
    variance, smaller = _clustered_variance(target, above, below, groups)
    half = Z * math.sqrt(variance) if variance > 0 else 1 - wilson_interval(smaller, smaller)[0]
    return Margin(value, (max(-1.0, value - half), min(1.0, value + half)), len(target))


def _components(target: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The AUROC; of each positive, the share of negatives below it; of each negative, of positives above."""
    value = auroc(target, scores)
    high, low = np.asarray(scores, dtype=float)[target], np.asarray(scores, dtype=float)[~target]
    m, n = len(high), len(low)
    ranks = rankdata(np.concatenate([high, low]))
    return value, (ranks[:m] - rankdata(high)) / n, 1 - (ranks[m:] - rankdata(low)) / m


def _clustered_variance(
    target: np.ndarray, above: np.ndarray, below: np.ndarray, groups: np.ndarray
) -> tuple[float, int]:
    """The variance of centred structural components summed by group, and the smaller class's groups."""
    m, n = len(above), len(below)
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    of_high, of_low = index[target], index[~target]
    sum_high = np.bincount(of_high, above, len(names))
    sum_low = np.bincount(of_low, below, len(names))
    high, low = len(set(of_high)), len(set(of_low))
    if min(high, low) < 2:
        return 0.0, min(high, low)
    s10 = high / ((high - 1) * m) * (sum_high**2).sum()
    s01 = low / ((low - 1) * n) * (sum_low**2).sum()
    s11 = len(names) / (len(names) - 1) * (sum_high * sum_low).sum()
    return max(float(s10 / m + s01 / n + 2 * s11 / (m * n)), 0.0), min(high, low)


def influence(target: np.ndarray, scores: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """What each group of answers adds to an AUROC beyond its mean; the squares sum up to its variance.

    Two AUROCs of answers to questions of the same groups hang together as these do.

    Args:
        target: 0 or 1, (n,); scores: (n,); groups: of 0 to `count` - 1, (n,).

    Returns:
        (count,): structural components, centred, over the number of their class, summed by group. Source:
        DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44; by groups as in `area`, without its correction
        for few groups.

    Raises:
        ProbeError: one class only.
    """
    target = np.asarray(target).astype(bool)
    value, above, below = _components(target, scores)
    each = np.empty(len(target))
    each[target], each[~target] = (above - value) / len(above), (below - value) / len(below)
    return np.bincount(groups, each, count)


def confusion(target: np.ndarray, predicted: np.ndarray) -> list[list[int]]:
    """Counts: rows the truth (0, 1), columns the prediction (0, 1)."""
    return [[int(((target == t) & (predicted == p)).sum()) for p in (0, 1)] for t in (0, 1)]


def brier(target: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared error of probabilities. Source: Brier 1950."""
    return float(np.mean((probabilities - target) ** 2))


def balanced_accuracy(target: np.ndarray, predicted: np.ndarray, groups: np.ndarray) -> BalancedAccuracy:
    """The mean of the two classes' accuracies, with a 95 % interval for clustered data.

    It is the AUROC of predictions, which have two values and many ties; so is its interval, see `area`. It
    covers the sampling of test answers, not another fit. Where the figure does not vary (everything is
    predicted to be one class), the interval is as wide as Wilson's with the smaller class's number of groups.

    Args:
        target, predicted: 0 or 1, (n,); groups: (n,).

    Raises:
        ProbeError: one class of the target only.
    """
    target, groups = np.asarray(target).astype(bool), np.asarray(groups)
    found = area(target, np.asarray(predicted, dtype=float), groups)
    low, high = found.ci
    if high - low < SAME:
        smaller = min(len(set(groups[target])), len(set(groups[~target])))
        half = 1 - wilson_interval(smaller, smaller)[0]
        low, high = max(0.0, found.auroc - half), min(1.0, found.auroc + half)
    return BalancedAccuracy(found.auroc, (low, high), found.n, found.positive)


def calibration_error(
    target: np.ndarray, probabilities: np.ndarray, units: np.ndarray, groups: np.ndarray
) -> core.reliability.Reliability:
    """The expected calibration error of a probe's probabilities, with its interval and what it is by chance.

    Args:
        target: 0 or 1, (n,); probabilities: of 1, (n,).
        units: answers of one unit have one outcome, (n,): their question for target `truth`, else themselves.
        groups: (n,).

    Source: see `core.reliability.reliability`.
    """
    answers = pd.DataFrame({"label": target, "question": units, "group": groups})
    return core.reliability.reliability(answers, pd.Series(probabilities))


def not_measurable(rate: float, negatives: int) -> str | None:
    """Why a false-positive rate cannot be told from so many negatives, in words; None where it can.

    Raises:
        ProbeError: the rate is none of `LEAST_NEGATIVES`.
    """
    if rate not in LEAST_NEGATIVES:
        known = " or ".join(f"{known:.0%}" for known in LEAST_NEGATIVES)
        raise ProbeError(f"recall is shown at a false-positive rate of {known}, not of {rate:.3g}")
    if negatives >= (least := LEAST_NEGATIVES[rate]):
        return None
    return f"not measurable at this n: {negatives:,} negatives, and {rate:.0%} needs {least:,}"


def threshold_at(negatives: np.ndarray, rate: float) -> float:
    """The lowest threshold that at most `rate` of the negatives' scores, (n,), lie above."""
    return float(np.sort(negatives)[::-1][int(rate * len(negatives) + SAME)])


def recall_at(
    target: np.ndarray, scores: np.ndarray, groups: np.ndarray, rate: float, seed: int = 0
) -> RecallAtRate:
    """The recall at a fixed false-positive rate, the threshold set on these same answers.

    The 95 % interval is a seeded bootstrap over groups that sets the threshold anew on each resample; it does
    not cover another fit. Where no resample differs, it is Wilson's with the number of the positives' groups.

    Args:
        target: 0 or 1, (n,); scores, groups: (n,).
        rate: of `LEAST_NEGATIVES`.

    Source: cluster bootstrap, Field and Welsh 2007, "Bootstrapping clustered data".

    Raises:
        ProbeError: one class only, or another rate.
    """
    target = np.asarray(target).astype(bool)
    positive, negative = int(target.sum()), int((~target).sum())
    if not positive or not negative:
        raise ProbeError(f"only one class is left ({positive + negative} answers): recall needs two")
    if (why := not_measurable(rate, negative)) is not None:
        return RecallAtRate(rate, None, None, positive, negative, why)
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    place = np.unique(-np.asarray(scores, dtype=float), return_inverse=True)[1]
    found = _weighted_recall(target, place, np.ones(len(target)), rate)
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        times = np.bincount(generator.integers(0, len(names), len(names)), minlength=len(names))
        weights = times[group].astype(float)
        if weights[target].any() and weights[~target].any():
            drawn.append(_weighted_recall(target, place, weights, rate))
    low, high = np.percentile(drawn, [2.5, 97.5])
    if max(drawn) - min(drawn) < SAME:
        clusters = len(set(group[target]))
        low, high = wilson_interval(found * clusters, clusters)
    return RecallAtRate(rate, found, (float(low), float(high)), positive, negative, None)


def _weighted_recall(target: np.ndarray, place: np.ndarray, weights: np.ndarray, rate: float) -> float:
    """The recall of answers that count `weights` times, (n,); place: of their scores, the highest first."""
    passed = np.bincount(place, weights * ~target).cumsum()
    caught = np.bincount(place, weights * target).cumsum()
    allowed = int(np.searchsorted(passed, rate * passed[-1] + SAME, side="right"))
    return float(caught[allowed - 1] / caught[-1]) if allowed else 0.0


def _expit(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0
