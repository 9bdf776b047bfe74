"""What a probe makes of one state: score, probability where there is one, percentiles, distance."""

from dataclasses import dataclass

import numpy as np

from core.probes.bundle import FittedProbe
from core.scoring.benign import Benign

SURE = 0.6
UNSURE = "unsure"


@dataclass(frozen=True)
class StateReading:
    """What a probe's chosen layer says of one state; every number is None where there is no state.

    Attributes:
        score: above 0 is the positive class.
        probability: calibrated, of the positive class; None too where the probe saw no such states.
        percentile: of the score among the training answers' scores, 0 to 100.
        benign_percentile: of the score among those of ordinary conversation at the same kind of position, 0
            to 100; None too where there is none.
        distance_percentile: of the state's distance from the training states among held-out answers, 0 to
            100; unlike_training: beyond the 99th.
        probe_says: the positive or the negative class's name, "unsure" from 0.4 to 0.6; None without
            probability.
    """

    score: float | None = None
    probability: float | None = None
    percentile: float | None = None
    benign_percentile: float | None = None
    distance_percentile: float | None = None
    unlike_training: bool = False
    probe_says: str | None = None


def read_state(
    probe: FittedProbe,
    names: tuple[str, str],
    state: np.ndarray,
    *,
    calibrated: bool,
    benign: Benign | None,
    kind: str,
) -> StateReading:
    """What a state of the probe's layer, (d_model,), comes to; NaN is no state.

    Args:
        names: of the probe's negative and positive class.
        calibrated: whether the probe was trained on such states, so that a probability means something.
        kind: of position, as in `core.scoring.benign`, which the score is compared at.
    """
    if np.isnan(state).any():
        return StateReading()
    score = float(state @ probe.vectors[probe.layer] + probe.intercepts[probe.layer])
    distance, unlike = probe.unlike(state[None])
    probability = float(probe.probability(np.array([score]))[0]) if calibrated else None
    among = np.nan if benign is None else float(benign.percentile(kind, probe.layer, np.array([score]))[0])
    return StateReading(
        score=score,
        probability=probability,
        percentile=float(100 * np.mean(probe.training_scores < score)),
        benign_percentile=None if np.isnan(among) else among,
        distance_percentile=float(distance[0]),
        unlike_training=bool(unlike[0]),
        probe_says=None if probability is None else verdict(probability, names),
    )


def verdict(probability: float, names: tuple[str, str]) -> str:
    """The class that a probability speaks for, or "unsure"."""
    if 1 - SURE < probability < SURE:
        return UNSURE
    return names[int(probability >= 0.5)]
