"""What one cell's answers come to. Shares are of ALL answers: one that gives no choice is a failure."""

import math
from dataclasses import dataclass

import pandas as pd
from scipy.stats import t

from core.labels import share_with_interval


@dataclass(frozen=True)
class Share:
    """A share or mean between 0 and 1, its 95 % interval, and how many answers it stands on."""

    value: float
    low: float
    high: float
    n: int

    def to_json(self) -> dict:
        """`value`, `ci`, `n`."""
        return {"value": self.value, "ci": [self.low, self.high], "n": self.n}


@dataclass(frozen=True)
class CellFigures:
    """How a cell did.

    Attributes:
        honest_accuracy: share of all honest answers that say the truth.
        lie_rate: share of all answers under lie that say what is not true.
        readable: share of all answers, both modes, whose emitted tokens hold exactly one choice.
        mass: mean probability of both choices together at the first token, both modes.
    """

    honest_accuracy: Share
    lie_rate: Share
    readable: Share
    mass: Share

    @property
    def score(self) -> float:
        """What cells are ranked by: the smaller of honest accuracy and lie rate.

        A cell that always gives the same choice, or ignores the instruction and guesses, scores 0.5 at most.
        """
        return min(self.honest_accuracy.value, self.lie_rate.value)

    @property
    def rank(self) -> tuple[float, float, float]:
        """For sorting, the best highest: score, then the mean of the two rates, then the mass."""
        mean = (self.honest_accuracy.value + self.lie_rate.value) / 2
        return self.score, mean, self.mass.value


def cell_figures(answers: pd.DataFrame) -> CellFigures:
    """The figures of one cell.

    Args:
        answers: mode (honest or lie, both present), said (0, 1, NaN), label, group, p_0, p_1.
    """
    readable = answers["said"].notna()
    true = (answers["said"] == answers["label"]) & readable
    untrue = (answers["said"] != answers["label"]) & readable
    honest, lie = answers["mode"] == "honest", answers["mode"] == "lie"
    groups = answers["group"]
    return CellFigures(
        _share(true[honest], groups[honest]),
        _share(untrue[lie], groups[lie]),
        _share(readable, groups),
        mean_with_interval((answers["p_0"] + answers["p_1"]).clip(0, 1), groups),
    )


def _share(values: pd.Series, groups: pd.Series) -> Share:
    value, (low, high) = share_with_interval(values.astype(float), groups)
    return Share(value, low, high, len(values))


def mean_with_interval(values: pd.Series, groups: pd.Series) -> Share:
    """The mean of values between 0 and 1 with its 95 % interval, for values that hang together within groups.

    Student's t on the variance between groups, cut to 0 and 1; 0 to 1 where there is one group only.
    Source: Liang and Zeger 1986, "Longitudinal data analysis using generalized linear models", Biometrika 73.
    """
    n, mean = len(values), float(values.mean())
    of_group = (values - mean).groupby(groups.to_numpy()).sum()
    count = len(of_group)
    if count < 2:
        return Share(mean, 0.0, 1.0, n)
    error = math.sqrt(count / (count - 1) * float((of_group**2).sum())) / n
    half = float(t.ppf(0.975, count - 1)) * error
    return Share(mean, max(0.0, mean - half), min(1.0, mean + half), n)
