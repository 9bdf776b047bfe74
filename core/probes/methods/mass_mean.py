"""Mass-mean: the difference of means, whitened by the covariance within the classes."""

import numpy as np

from core.probes.linear import LinearProbe
from core.probes.method import Method


class MassMean(LinearProbe):
    """The difference of means times the inverse covariance of the states about their class's mean.

    Score: (x - midpoint) · Σ⁺ (μ₁ - μ₀). Σ⁺ is the pseudo-inverse, as in the paper's code. Principal
    directions with little variance within the classes would be blown up by it, so those below `cutoff` of
    the largest are left out; with fewer answers than features many are.

    Source: Marks and Tegmark 2023, "The Geometry of Truth" (mass-mean probing, with its covariance).

    Args:
        cutoff: least variance of a principal direction that counts, as a share of the largest.

    Attributes:
        coef_: the whitened direction, (1, d).
        intercept_: (1,).
    """

    def __init__(self, cutoff: float = 1e-3) -> None:
        self.cutoff = cutoff

    def fit(self, X: np.ndarray, y: np.ndarray) -> "MassMean":
        """Fit on states X, (n, d), and two classes y, (n,)."""
        X, positive = self._checked(X, y)
        low, high = X[~positive].mean(axis=0), X[positive].mean(axis=0)
        within = X - np.where(positive[:, None], high, low)
        variances, axes = np.linalg.eigh(within.T @ within / len(X))
        kept = variances > max(self.cutoff * variances[-1], 0.0)
        axes = axes[:, kept]
        self._set(axes @ (axes.T @ (high - low) / variances[kept]), low, high)
        return self


METHOD = Method(
    name="mass-mean",
    about="The difference of means, whitened by the covariance of the states within the classes.",
    source="Marks and Tegmark 2023, The Geometry of Truth (mass-mean, with its covariance)",
    make=MassMean,
)
