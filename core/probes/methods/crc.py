"""CRC: the axis along which the two choices of a question differ the most."""

import numpy as np

from core.probes.contrast import CONTRAST_SIGN, SIGN_LABELS, ContrastProbe
from core.probes.method import Method


class CRC(ContrastProbe):
    """Contrastive representation clustering: the top principal component of the differences x̃₁ - x̃₀.

    It follows whatever the two continuations differ in most, which need not be truth (Farquhar et al. 2023,
    "Challenges with unsupervised LLM knowledge discovery").

    Source: Burns et al. 2022, "Discovering Latent Knowledge in Language Models Without Supervision" (CRC,
    the variant TPC).

    Args:
        sign_labels: how many labels set the sign.
        seed: decides which.
    """

    def __init__(self, sign_labels: int = SIGN_LABELS, seed: int = 0) -> None:
        self.sign_labels = sign_labels
        self.seed = seed

    def _vector(self, normalised: np.ndarray) -> np.ndarray:
        apart = normalised[:, 1] - normalised[:, 0]
        return np.linalg.svd(apart, full_matrices=False)[2][0]


METHOD = Method(
    name="crc",
    about="The axis along which the states of a question's two choices differ the most.",
    source="Burns et al. 2022, Discovering Latent Knowledge in Language Models Without Supervision",
    make=CRC,
    needs="contrast pairs",
    targets=("truth",),
    sign=CONTRAST_SIGN,
)
