"""How well scores tell two classes apart, with intervals that know of groups."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from core.errors import ProbeError
from core.labels import wilson_interval

Z = 1.959964


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
    ranks = rankdata(scores)
    return float((ranks[target].sum() - positive * (positive + 1) / 2) / (positive * negative))


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


def confusion(target: np.ndarray, predicted: np.ndarray) -> list[list[int]]:
    """Counts: rows the truth (0, 1), columns the prediction (0, 1)."""
    return [[int(((target == t) & (predicted == p)).sum()) for p in (0, 1)] for t in (0, 1)]


def reliability(target: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> list[dict]:
    """Calibration by equal-width bins that hold any answer: mean `predicted`, `observed` share, `n`, `ci`."""
    place = np.clip((probabilities * bins).astype(int), 0, bins - 1)
    rows = []
    for number in range(bins):
        inside = place == number
        if n := int(inside.sum()):
            right = float(target[inside].sum())
            rows.append(
                {
                    "predicted": float(probabilities[inside].mean()),
                    "observed": right / n,
                    "n": n,
                    "ci": list(wilson_interval(right, n)),
                }
            )
    return rows


def brier(target: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared error of probabilities. Source: Brier 1950."""
    return float(np.mean((probabilities - target) ** 2))


def _expit(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0
