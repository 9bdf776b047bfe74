"""The same question under honest and under lie: one difference of states for each pair.

The direction comes from the differences alone. Labels give it its sign and its threshold, nothing else.
"""

import numpy as np

from core.errors import ProbeError
from core.probes.linear import LinearProbe

FEWEST = 2
PAIRED_SIGN = "Training labels set its sign and threshold; its direction uses none."


class PairedProbe(LinearProbe):
    """A direction from differences lie minus honest; subclasses say which."""

    def fit(
        self, X: np.ndarray, y: np.ndarray, pair: np.ndarray | None = None, lying: np.ndarray | None = None
    ) -> "PairedProbe":
        """Fit on states X, (n, d), two classes y, (n,), and which answers belong together.

        Args:
            pair: (n,) a number for each pair, negative for answers of none. Several answers of a pair under
                one mode count by their mean.
            lying: (n,) whether the answer was under lie.

        Raises:
            ProbeError: no pairs are given, or fewer than two have both modes.
        """
        X, positive = self._checked(X, y)
        if pair is None or lying is None:
            raise ProbeError("a paired method needs the pair of each answer, and whether it was under lie")
        vector = self._vector(differences(X, np.asarray(pair), np.asarray(lying).astype(bool)))
        low, high = X[~positive].mean(axis=0), X[positive].mean(axis=0)
        if vector @ (high - low) < 0:
            vector = -vector
        self._set(vector, low, high)
        return self

    def _vector(self, found: np.ndarray) -> np.ndarray:
        """The direction, (d,), out of the differences, (pairs, d)."""
        raise NotImplementedError


def differences(X: np.ndarray, pair: np.ndarray, lying: np.ndarray) -> np.ndarray:
    """Each pair's mean state under lie minus its mean state under honest, (pairs, d).

    Raises:
        ProbeError: fewer than two pairs have both modes.
    """
    both = np.intersect1d(pair[lying & (pair >= 0)], pair[~lying & (pair >= 0)])
    if len(both) < FEWEST:
        raise ProbeError(
            f"{len(both)} questions were answered under honest and under lie in the training data: a paired "
            f"method needs at least {FEWEST}"
        )
    sides = []
    for under in (lying, ~lying):
        rows = np.flatnonzero(under & np.isin(pair, both))
        place = np.searchsorted(both, pair[rows])
        total = np.zeros((len(both), X.shape[1]))
        np.add.at(total, place, X[rows])
        sides.append(total / np.bincount(place, minlength=len(both))[:, None])
    return sides[0] - sides[1]
