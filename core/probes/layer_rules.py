"""By what the layer is chosen, on validation data: labels of both modes, honest labels only, or no labels.

Only the last two may be called "no lies used". Honest labels alone are as likely as not to pick a layer whose
direction goes with what is said: under honest that is the truth. Agreement looks for a layer at which a
question's score is the same whether the model was told to be honest or to lie. Early layers know little and
agree about it best of all, so that of the layers that agree nearly as well the best reader is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

LAYER_RULES = {
    "labels": "validation labels of both modes",
    "honest": "honest validation labels only",
    "agreement": "no lie labels: the best reader where both modes score alike",
}
NO_LIES_USED = ("honest", "agreement")
FLOOR = 0.8
"""The honest validation AUROC that a layer needs before its agreement counts: constant scores agree too."""
NEAR = 0.05
"""How far a layer's agreement may lie below the best one's. Of such layers the best reader is taken."""


@dataclass(frozen=True)
class Validated:
    """One layer on validation data.

    Attributes:
        auroc: by mode.
        agreement: Pearson's correlation of the scores of one question under honest and under lie; None
            where there are no such pairs.
    """

    auroc: Mapping[str, float]
    agreement: float | None = None


def choose_layer(layers: list[Validated], rule: str, floor: float = FLOOR) -> int | None:
    """The layer that a rule chooses, the lowest of equals; None where it has nothing to go by.

    `agreement` takes the layers whose honest AUROC is at least the floor, of them those whose agreement is
    within `NEAR` of the best one's, and of these the one with the best honest AUROC.
    """
    if rule == "labels":
        return int(np.argmax([np.mean(list(layer.auroc.values())) for layer in layers]))
    if any("honest" not in layer.auroc for layer in layers):
        return None
    honest = np.array([layer.auroc["honest"] for layer in layers])
    if rule == "honest":
        return int(honest.argmax())
    if any(layer.agreement is None for layer in layers) or (honest < floor).all():
        return None
    agreement = np.array([layer.agreement for layer in layers], dtype=float)
    agreement[honest < floor] = -np.inf
    return int(np.where(agreement >= agreement.max() - NEAR, honest, -np.inf).argmax())


def agreement_of(scores: np.ndarray, others: np.ndarray) -> float | None:
    """Pearson's correlation of two sets of scores of the same questions; 0 where one does not vary."""
    if len(scores) < 2:
        return None
    if min(np.ptp(scores), np.ptp(others)) < 1e-12:
        return 0.0
    return float(np.corrcoef(scores, others)[0, 1])
