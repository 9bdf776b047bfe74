"""Figures of two runs and their difference: how far apart two shares, means or AUROCs are.

Each figure keeps how much each cluster of questions moves it. Clusters that both runs asked move both
figures: what is hard for one model is hard for another. That is taken into account where it is so, and not
where no question is shared, by one formula.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.elicit.figures import mean_with_interval
from core.labels import share_with_interval, wilson_interval
from core.probes.metrics import SAME, area, influence


@dataclass(frozen=True)
class Figure:
    """A figure of one run with its 95 % interval, of n answers or questions."""

    value: float
    ci: tuple[float, float]
    n: int


@dataclass(frozen=True)
class Difference:
    """A figure less another with its 95 % interval.

    Attributes:
        correlation: of the two figures, over clusters of questions; 0 where they share none.
    """

    value: float
    ci: tuple[float, float]
    correlation: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        return not self.ci[0] <= 0 <= self.ci[1]


@dataclass(frozen=True, eq=False)
class Estimate:
    """A figure, and what each of all clusters of two runs' questions adds to it beyond its mean.

    Attributes:
        influence: (clusters,), 0 for clusters without an answer in this run; its squares sum up to the
            figure's variance.
        clusters: how many have one.
    """

    figure: Figure
    influence: np.ndarray
    clusters: int


def share(values: np.ndarray, clusters: np.ndarray, count: int) -> Estimate:
    """The share of ones among 0/1 values, (n,), whose clusters, (n,), are of 0 to `count` - 1.

    Source: Rao and Scott 1992, see `core.labels.share_with_interval`.
    """
    value, (low, high) = share_with_interval(pd.Series(values), pd.Series(clusters))
    return _of_mean(Figure(value, (low, high), len(values)), values, clusters, count)


def mean(values: np.ndarray, clusters: np.ndarray, count: int) -> Estimate:
    """The mean of values between 0 and 1, (n,); clusters as in `share`.

    Source: Liang and Zeger 1986, see `core.elicit.figures.mean_with_interval`.
    """
    found = mean_with_interval(pd.Series(values), pd.Series(clusters))
    return _of_mean(Figure(found.value, (found.low, found.high), found.n), values, clusters, count)


def auroc_of(target: np.ndarray, scores: np.ndarray, clusters: np.ndarray, count: int) -> Estimate:
    """The AUROC of scores, (n,), for a target of 0 and 1, (n,); clusters as in `share`.

    Source: Obuchowski 1997, see `core.probes.metrics.area`.

    Raises:
        ProbeError: one class only.
    """
    found = area(target, scores, clusters)
    moved = influence(target, scores, clusters, count)
    return Estimate(Figure(found.auroc, found.ci, found.n), moved, len(set(clusters)))


def difference(one: Estimate, other: Estimate) -> Difference:
    """One figure less another, with a 95 % interval that is made of the two figures' own.

    With values p and q, intervals (l, u) and (m, v), and the correlation r of the figures, the interval of
    p - q goes from p - q - √((p-l)² - 2r(p-l)(v-q) + (v-q)²) to p - q + √((u-p)² - 2r(u-p)(q-m) + (q-m)²).
    r is taken over clusters: Σ ab / √(Σa² Σb²) for their influences a and b on the two. Where the clusters
    move both figures alike, or neither, the interval is as wide as Wilson's for none of so many clusters.

    Source: Newcombe 1998, "Improved confidence intervals for the difference between binomial proportions
    based on paired data", Statistics in Medicine 17; for any figures with intervals: Zou and Donner 2008,
    "Construction of confidence limits about effect measures", Statistics in Medicine 27.
    """
    value = one.figure.value - other.figure.value
    apart = one.influence - other.influence
    if float(apart @ apart) < SAME**2:
        clusters = min(one.clusters, other.clusters)
        half = 1 - wilson_interval(clusters, clusters)[0]
        return Difference(value, (max(-1.0, value - half), min(1.0, value + half)), 1.0)
    scale = math.sqrt(float(one.influence @ one.influence) * float(other.influence @ other.influence))
    r = float(one.influence @ other.influence) / scale if scale > 0 else 0.0
    below = _half(_down(one), _up(other), r)
    above = _half(_up(one), _down(other), r)
    return Difference(value, (max(-1.0, value - below), min(1.0, value + above)), r)


def _of_mean(figure: Figure, values: np.ndarray, clusters: np.ndarray, count: int) -> Estimate:
    apart = np.asarray(values, dtype=float) - figure.value
    return Estimate(figure, np.bincount(clusters, apart, count) / len(values), len(set(clusters)))


def _down(of: Estimate) -> float:
    return of.figure.value - of.figure.ci[0]


def _up(of: Estimate) -> float:
    return of.figure.ci[1] - of.figure.value


def _half(one: float, other: float, r: float) -> float:
    return math.sqrt(max(one * one - 2 * r * one * other + other * other, 0.0))
