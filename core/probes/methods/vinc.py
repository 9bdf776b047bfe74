"""VINC: a direction that varies between questions, holds over wordings, and parts the two choices."""

import numpy as np
from scipy.linalg import eigh

from core.errors import ProbeError
from core.probes.contrast import CONTRAST_SIGN, SIGN_LABELS, ContrastProbe
from core.probes.method import Method

FEWEST = 3


class VINC(ContrastProbe):
    """Variance, invariance, negative covariance: the top eigenvector of one symmetric matrix.

    With x̄₀ and x̄₁ a question's normalised states averaged over wordings, it is the unit θ with the most
    θᵀ (v V - i I - c C) θ, where V = Cov(x̄₀) + Cov(x̄₁) (variance between questions), I is the mean over
    questions of the covariance over wordings, of both choices (invariance), and C = Cov(x̄₀, x̄₁) +
    Cov(x̄₁, x̄₀) (negative covariance: the choices contradict each other). What differs between wordings is
    left out, so wordings must differ in what should not count.

    Source: Belrose et al. 2023, "VINC-S: Closed-form optionally-supervised knowledge elicitation with
    paraphrase invariance" (EleutherAI, library elk), here without its supervision. Its weights have changed
    from release to release; all 1 by default here.

    Args:
        variance, invariance, negative_covariance: the weights v, i and c.
        sign_labels: how many labels set the sign.
        seed: decides which.

    Attributes:
        eigenvalue_: of the matrix, at θ.
    """

    _axes = 4

    def __init__(
        self,
        variance: float = 1.0,
        invariance: float = 1.0,
        negative_covariance: float = 1.0,
        sign_labels: int = SIGN_LABELS,
        seed: int = 0,
    ) -> None:
        self.variance = variance
        self.invariance = invariance
        self.negative_covariance = negative_covariance
        self.sign_labels = sign_labels
        self.seed = seed

    def _vector(self, normalised: np.ndarray) -> np.ndarray:
        n, wordings, _, size = normalised.shape
        if wordings < FEWEST:
            raise ProbeError(
                f"method 'vinc' needs {FEWEST} wordings or more of each question, not {wordings}"
            )
        middles = normalised.mean(axis=1)
        no, yes = middles[:, 0], middles[:, 1]
        strays = (normalised - middles[:, None]).reshape(-1, size)
        across = no.T @ yes / n
        matrix = (
            self.variance * (no.T @ no + yes.T @ yes) / n
            - self.invariance * strays.T @ strays / (n * wordings)
            - self.negative_covariance * (across + across.T)
        )
        values, vectors = eigh(matrix, subset_by_index=(size - 1, size - 1))
        self.eigenvalue_ = float(values[0])
        return vectors[:, 0]


METHOD = Method(
    name="vinc",
    about="A direction that parts a question's two choices alike in three or more wordings.",
    source="Belrose et al. 2023, VINC-S: Closed-form optionally-supervised knowledge elicitation",
    make=VINC,
    needs="contrast wordings",
    targets=("truth",),
    sign=CONTRAST_SIGN,
)
