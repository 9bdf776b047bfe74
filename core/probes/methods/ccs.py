"""CCS: a direction by which the two choices of a question are never both true, nor both false."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from core.probes.contrast import CONTRAST_SIGN, SIGN_LABELS, ContrastProbe
from core.probes.method import Method


class CCS(ContrastProbe):
    """Contrast-consistent search, from several random starts; the one with the least loss is kept.

    With p(x) = σ(θ · x̃ + b), the loss is the mean of (p(x₀) + p(x₁) - 1)² + min(p(x₀), p(x₁))². It asks for
    consistency and confidence, not for truth: a more prominent feature that the choices differ in fits as
    well (Farquhar et al. 2023, "Challenges with unsupervised LLM knowledge discovery").

    Source: Burns et al. 2022, "Discovering Latent Knowledge in Language Models Without Supervision".
    Minimised by L-BFGS with a small L2 penalty in place of AdamW with weight decay. The score is the
    half-difference of the two log-odds, which has the sign of the paper's ½ (p(x₁) + 1 - p(x₀)) - ½.

    Args:
        restarts: random starts.
        penalty: of ½ ‖θ‖².
        sign_labels: how many labels set the sign.
        seed: decides the starts and which labels.

    Attributes:
        losses_: the loss that each start came to, penalty included, (restarts,).
    """

    def __init__(
        self, restarts: int = 10, penalty: float = 1e-3, sign_labels: int = SIGN_LABELS, seed: int = 0
    ) -> None:
        self.restarts = restarts
        self.penalty = penalty
        self.sign_labels = sign_labels
        self.seed = seed

    def _vector(self, normalised: np.ndarray) -> np.ndarray:
        both = normalised.transpose(1, 0, 2).reshape(-1, normalised.shape[-1])
        left, lengths, axes = np.linalg.svd(both, full_matrices=False)
        no, yes = np.split(left * lengths, 2)  # the least-penalised θ lies in the span of the states
        generator = np.random.default_rng(self.seed)
        best: list[tuple[float, np.ndarray]] = []
        for _ in range(self.restarts):
            start = generator.normal(size=len(lengths))
            start = np.append(start / np.linalg.norm(start), 0.0)
            found = minimize(_loss, start, (no, yes, self.penalty), jac=True, method="L-BFGS-B")
            best.append((float(found.fun), found.x[:-1]))
        self.losses_ = np.array([loss for loss, _ in best])
        return min(best, key=lambda pair: pair[0])[1] @ axes


def _loss(theta: np.ndarray, no: np.ndarray, yes: np.ndarray, penalty: float) -> tuple[float, np.ndarray]:
    """The loss and its gradient at θ with b as its last entry."""
    weights, bias = theta[:-1], theta[-1]
    p_no, p_yes = expit(no @ weights + bias), expit(yes @ weights + bias)
    apart, least = p_no + p_yes - 1, np.minimum(p_no, p_yes)
    loss = (apart**2 + least**2).mean() + penalty / 2 * weights @ weights
    slope_no = (2 * apart + 2 * p_no * (p_no < p_yes)) * p_no * (1 - p_no) / len(no)
    slope_yes = (2 * apart + 2 * p_yes * (p_yes <= p_no)) * p_yes * (1 - p_yes) / len(yes)
    slope = no.T @ slope_no + yes.T @ slope_yes + penalty * weights
    return float(loss), np.append(slope, slope_no.sum() + slope_yes.sum())


METHOD = Method(
    name="ccs",
    about="A direction by which a question's two choices are neither both true nor both false.",
    source="Burns et al. 2022, Discovering Latent Knowledge in Language Models Without Supervision",
    make=CCS,
    needs="contrast pairs",
    targets=("truth",),
    sign=CONTRAST_SIGN,
)
