"""Calibration: what a template's choices get before any content is read, taken off every reading.

Fitted on prompts outside the run, under honest, and the same for every mode: an offset fitted under lie would
take the lie off with the template. Fitting it mode by mode is an option that a run is marked with. Raw
probabilities are kept, and a calibrated reading is `leans_calibrated`, never what was said.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.question import Question
from core.errors import TemplateError

METHODS = ("content-free", "platt", "none")
MEAN = "content-free-mean"
"""Of runs from before calibration had a name: the mean, not the median, over three content-free prompts."""

ABOUT = {
    "content-free": "The median log-odds that the template gives to content-free prompts is taken off. It "
    "assumes a base rate of 0.5: that without content both choices are due alike.",
    "platt": "A logistic curve from log-odds to truth (Platt), fitted on labelled questions outside the run, "
    "half of them of each label.",
    MEAN: "The mean log-odds that the template gives to three content-free prompts is taken off. It assumes "
    "a base rate of 0.5.",
    "none": "Not calibrated: leans are read as they are.",
}

CONTENT_FREE = ("N/A", "", "[MASK]", "...", "Lorem ipsum dolor sit amet.")
CONTENT_FREE_MEAN = CONTENT_FREE[:3]
LABELLED = 100
FEWEST = 20
STEEPEST = 50.0


@dataclass(frozen=True)
class Calibration:
    """One curve: P(positive) = expit(slope · (log-odds - offset)).

    Attributes:
        method: of `METHODS`, or `MEAN`.
        mode: that it was fitted in.
        offset: nats; the log-odds that count as even.
        slope: above 0; 1 takes off the offset alone.
        n: prompts that it was fitted on; 0 for `none`.
        rises: False where log-odds did not rise with the truth, so that the labelled questions gave an offset
            and no slope.
    """

    method: str = "none"
    mode: str = "honest"
    offset: float = 0.0
    slope: float = 1.0
    n: int = 0
    rises: bool = True


def calibration_sentences(curves: pd.DataFrame, method: str, per_mode: bool) -> list[str]:
    """What a run's leans are calibrated by, in words: one line for the method, one for the curves' spread.

    Args:
        curves: what `RunStore.calibrations` gives.
        method, per_mode: of the run's settings.
    """
    if method == "none":
        return [ABOUT["none"]]
    lines = [ABOUT[method]]
    lines.append(
        "Fitted in each mode by itself: what a mode does to all answers alike is taken off too."
        if per_mode
        else "Fitted under honest, and taken off in every mode alike."
    )
    if len(curves):
        low, high = curves["offset"].min(), curves["offset"].max()
        offset = f"{low:+.2f} nats" if high - low < 0.005 else f"{low:+.2f} to {high:+.2f} nats"
        least, most = curves["slope"].min(), curves["slope"].max()
        slope = f"{least:.2f}" if most - least < 0.005 else f"{least:.2f} to {most:.2f}"
        prompts = int(curves["n"].min())
        lines.append(f"Offset {offset}, slope {slope}, from {prompts} prompts for each curve.")
    return lines


def fit_content_free(log_odds: Sequence[Sequence[float]], mode: str, method: str) -> Calibration:
    """The log-odds that a template gives to no content at all.

    The median over content-free texts, as one odd text must not set it; where questions state claims, the
    mean of the claims' medians, as each claim pulls its own way.

    Args:
        log_odds: in nats; one list for each claim (one list in direct form), one value for each text.
        method: `content-free`, or `MEAN` for the mean over all.

    Source: Zhao et al. 2021, "Calibrate Before Use", who take the mean.
    """
    centre = np.mean if method == MEAN else np.median
    offset = float(np.mean([centre(values) for values in log_odds]))
    return Calibration(method, mode, offset, n=sum(len(values) for values in log_odds))


def fit_labelled(log_odds: Sequence[float], wanted: Sequence[int], mode: str) -> Calibration:
    """Platt's logistic curve from log-odds to the wanted choice.

    Where log-odds do not rise with what is wanted, a curve would turn every reading around or say nothing:
    then the slope is 1 and the offset the one with which the mean probability is the share of positives.

    Args:
        log_odds: in nats, one a question.
        wanted: 0 or 1, both among them: the truth, or its opposite in a mode that asks for falsehood.

    Source: Platt 1999, "Probabilistic outputs for support vector machines".
    """
    from scipy.optimize import brentq  # SciPy and scikit-learn are needed here alone
    from scipy.special import expit

    from core.probes.bundle import fit_platt

    values, target = np.asarray(log_odds, dtype=float), np.asarray(wanted, dtype=float)
    slope, intercept = fit_platt(values, target)
    if slope > 0:
        return Calibration("platt", mode, float(-intercept / slope), float(slope), len(values))
    far = float(np.abs(values).max()) + STEEPEST
    offset = brentq(lambda at: float(expit(values - at).mean() - target.mean()), -far, far)
    return Calibration("platt", mode, float(offset), 1.0, len(values), rises=False)


def draw_labelled(pool: list[Question], taken: set[str], seed: int, n: int = LABELLED) -> list[Question]:
    """Labelled questions to fit on: of no group that the run asks or shows, half of each label, seeded.

    Args:
        pool: all questions of the source.
        taken: groups of the run's questions and demonstrations.
        n: how many, fewer where the pool has no more.

    Raises:
        TemplateError: fewer than `FEWEST` of a label are left.
    """
    free = [question for question in pool if question.group not in taken]
    random.Random(f"calibration {seed}").shuffle(free)
    of_label = [[question for question in free if question.label == label] for label in (0, 1)]
    each = min(n // 2, *map(len, of_label))
    if each < FEWEST:
        raise TemplateError(
            f"calibration by platt needs {FEWEST} labelled questions of each label outside the run, and the "
            f"source has {each} left: ask fewer questions, or choose content-free or none"
        )
    return [
        question for pair in zip(of_label[0][:each], of_label[1][:each], strict=True) for question in pair
    ]
