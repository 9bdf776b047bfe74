"""Reliability: whether what the model leans to with probability p is true p of the time.

Judged under honest, on the run's own answers, which calibration never saw.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from core.labels import share_with_interval, wilson_interval

ARM = ["mode", "wording", "order", "demo_set"]
RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Reliability:
    """How well probabilities of the positive choice are calibrated.

    Attributes:
        bins: one row for each tenth that holds any: predicted (mean), observed (share), low, high (95 %), n.
        ece: expected calibration error: the mean distance of observed from predicted, weighted by n.
        ci: its 95 % interval, see `error_interval`.
        by_chance: the error that the same probabilities would show on average if they were perfectly
            calibrated, which in few answers is well above 0.
        n: answers, of so many `questions`.
    """

    bins: pd.DataFrame
    ece: float
    ci: tuple[float, float]
    by_chance: float
    n: int
    questions: int

    def sentence(self) -> str:
        """The error in words."""
        return (
            f"expected calibration error {self.ece:.3f}, {self.ci[0]:.3f} to {self.ci[1]:.3f} "
            f"(n {self.n:,}, {self.questions:,} questions; "
            f"perfect calibration would show {self.by_chance:.3f})"
        )

    def to_json(self) -> dict:
        """Plain values."""
        return {
            "bins": self.bins.to_dict("records"),
            "ece": self.ece,
            "ece_ci": list(self.ci),
            "ece_by_chance": self.by_chance,
            "n": self.n,
            "questions": self.questions,
        }


def honest_reliability(
    answers: pd.DataFrame, calibrations: pd.DataFrame
) -> tuple[Reliability, Reliability] | None:
    """Raw and calibrated reliability of a run under honest; None where no answer there has probabilities.

    Args:
        answers, calibrations: what `RunStore.answers` and `RunStore.calibrations` give.
    """
    honest = answers[(answers["mode"] == "honest") & answers["p_0"].notna()]
    if honest.empty:
        return None
    found = probabilities(honest, calibrations)
    return reliability(honest, found["raw"]), reliability(honest, found["calibrated"])


def probabilities(answers: pd.DataFrame, calibrations: pd.DataFrame) -> pd.DataFrame:
    """P(positive) of each answer among the two choices at its first token.

    Args:
        answers: what `RunStore.answers` gives: mode, wording, order, demo_set, p_0, p_1, offset.
        calibrations: what `RunStore.calibrations` gives; an answer of an arm without one has slope 1.

    Returns:
        The columns raw and calibrated, by the index of `answers`.
    """
    raw = np.log(np.maximum(answers["p_1"], 1e-12)) - np.log(np.maximum(answers["p_0"], 1e-12))
    merged = answers[ARM].merge(calibrations[[*ARM, "slope"]], on=ARM, how="left")
    slope = merged["slope"].astype(float).fillna(1.0).to_numpy()
    return pd.DataFrame({"raw": expit(raw), "calibrated": expit(slope * (raw - answers["offset"]))})


def reliability(answers: pd.DataFrame, probability: pd.Series, bins: int = 10) -> Reliability:
    """How often the positive choice is true among answers with about the same probability of it.

    Args:
        answers: label, question and group of each, of one mode.
        probability: of the positive choice, one each.

    Source: expected calibration error, Naeini et al. 2015, "Obtaining well calibrated probabilities using
    Bayesian binning"; what it is by chance, Vaicenavicius et al. 2019, "Evaluating model calibration in
    classification", by resampling.
    """
    values = probability.to_numpy(dtype=float)
    label = answers["label"].astype(float)
    place = np.clip((values * bins).astype(int), 0, bins - 1)
    rows = []
    for number in np.unique(place):
        inside = place == number
        share, (low, high) = share_with_interval(label[inside], answers["group"][inside])
        predicted = float(values[inside].mean())
        rows.append(
            {"predicted": predicted, "observed": share, "low": low, "high": high, "n": int(inside.sum())}
        )
    table = pd.DataFrame(rows, columns=["predicted", "observed", "low", "high", "n"])
    names, question = np.unique(answers["question"].to_numpy(dtype=str), return_inverse=True)
    generator = np.random.default_rng(0)
    chance = [
        _error(place, values, (generator.random(len(names))[question] < values).astype(float))
        for _ in range(200 if len(values) else 0)
    ]
    return Reliability(
        bins=table,
        ece=_error(place, values, label.to_numpy()) if len(values) else float("nan"),
        ci=error_interval(place, label.to_numpy() - values, answers["group"].to_numpy(dtype=str)),
        by_chance=float(np.mean(chance)) if chance else float("nan"),
        n=len(values),
        questions=len(names),
    )


def _error(place: np.ndarray, predicted: np.ndarray, observed: np.ndarray) -> float:
    """Expected calibration error of predictions in bins `place`."""
    return float(np.abs(np.bincount(place, observed - predicted)).sum() / len(place))


def error_interval(place: np.ndarray, gaps: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """A 95 % interval of the expected calibration error, by a seeded bootstrap over groups.

    The error is a norm, the sum of each bin's distance, and noise lengthens it: resamples show more error
    than the answers, which themselves show more than there is. The plain percentile interval therefore
    never reaches 0. So the lower end takes off how far resamples lie from the answers, bin by bin: by the
    triangle inequality the true error is no further below. The upper end is the percentile. Together they
    cover at least 95 %, more where the error is large. Where no resample differs (one group, or answers
    without any error), Wilson's interval with the number of groups.

    Args:
        place: the bin of each answer, (n,); gaps: observed minus predicted, (n,); groups: (n,).

    Source: cluster bootstrap, Field and Welsh 2007, "Bootstrapping clustered data"; the bias of the plain
    error, Kumar, Liang and Ma 2019, "Verified uncertainty calibration".
    """
    if not len(gaps):
        return float("nan"), float("nan")
    names, group = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(names), int(place.max()) + 1))
    np.add.at(sums, (group, place), gaps)
    sizes = np.bincount(group).astype(float)
    found = sums.sum(axis=0) / len(gaps)
    error = float(np.abs(found).sum())
    generator = np.random.default_rng(0)
    errors, distances = np.empty(RESAMPLES), np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        drawn = generator.integers(0, len(names), len(names))
        weights = np.bincount(drawn, minlength=len(names)).astype(float)
        resampled = weights @ sums / (weights @ sizes)
        errors[number] = np.abs(resampled).sum()
        distances[number] = np.abs(resampled - found).sum()
    if distances.max() < 1e-9:
        return wilson_interval(min(error, 1.0) * len(names), len(names))
    low, high = error - np.percentile(distances, 97.5), np.percentile(errors, 97.5)
    return max(0.0, float(low)), max(error, float(high))
