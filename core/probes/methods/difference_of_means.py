"""Difference of means: the direction from one class's mean to the other's."""

import numpy as np

from core.probes.linear import LinearProbe
from core.probes.method import Method


class DifferenceOfMeans(LinearProbe):
    """The direction from one class's mean to the other's; the threshold is half-way.

    Source: Marks and Tegmark 2023, "The Geometry of Truth" (mass-mean probing, without its covariance).

    Attributes:
        coef_: the direction, (1, d).
        intercept_: (1,).
    """

    def fit(self, X: np.ndarray, y: np.ndarray) -> "DifferenceOfMeans":
        """Fit on states X, (n, d), and two classes y, (n,)."""
        X, positive = self._checked(X, y)
        low, high = X[~positive].mean(axis=0), X[positive].mean(axis=0)
        self._set(high - low, low, high)
        return self


METHOD = Method(
    name="difference-of-means",
    about="The direction from the mean state of one class to that of the other.",
    source="Marks and Tegmark 2023, The Geometry of Truth (mass-mean, without its covariance)",
    make=DifferenceOfMeans,
)
