"""Paired difference: the mean difference between a question's states under lie and under honest."""

import numpy as np

from core.probes.method import Method
from core.probes.pairs import PAIRED_SIGN, PairedProbe


class PairedDifference(PairedProbe):
    """The mean over questions of the state under lie minus the state under honest.

    Source: Zou et al. 2023, "Representation Engineering" (reading vectors from paired stimuli), with the mean
    in place of the first principal component.

    Attributes:
        coef_: the direction, (1, d); intercept_: (1,). Their sign is set by the labels.
    """

    def _vector(self, found: np.ndarray) -> np.ndarray:
        return found.mean(axis=0)


METHOD = Method(
    name="paired-difference",
    about="The mean difference between the states of one question under lie and under honest.",
    source="Zou et al. 2023, Representation Engineering (the mean of its paired differences)",
    make=PairedDifference,
    needs="pairs",
    targets=("said_true", "lie", "mode"),
    sign=PAIRED_SIGN,
)
