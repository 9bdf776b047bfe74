"""What unsupervised methods on contrast pairs share: states normalised per choice, a sign from a few labels.

A contrast pair is one question continued with each of its choices: states x₀ and x₁. Without labels a method
cannot know which end of its direction is the true one; a few labels say so, and take no other part.
"""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from core.errors import ProbeError

SIGN_LABELS = 10
CONSTANT = 1e-12
"""A spread below this is rounding: a choice's embedding is the same whatever the question."""
CONTRAST_SIGN = f"{SIGN_LABELS} training labels set its sign; its direction uses none."


class ContrastProbe(ClassifierMixin, BaseEstimator):
    """A direction θ on normalised states; score: ½ θ · (x̃₁ - x̃₀), the mean over wordings where there are any.

    Each choice (in each wording) is standardised by its own training mean and standard deviation, so that
    the direction cannot follow which choice was put in (Burns et al. 2022, section 2.2). Subclasses say how θ
    is found, and store `sign_labels` and `seed`.

    Attributes:
        coef_: the score's weights on plain states, (2, d), or (wordings, 2, d); intercept_: (1,).
        classes_: 0 and 1.
        sign_rows_: the training rows whose labels set the sign, drawn at random.
    """

    sign_labels: int
    seed: int
    _axes = 3

    @property
    def direction_(self) -> np.ndarray:
        """How the score grows with x₁ - x₀ (the same in every wording), (d,)."""
        apart = (self.coef_[..., 1, :] - self.coef_[..., 0, :]) / 2
        return apart.reshape(-1, apart.shape[-1]).sum(axis=0)

    def fit(self, X: np.ndarray, y: np.ndarray) -> "ContrastProbe":
        """Fit on contrast pairs.

        Args:
            X: (n, 2, d), or (n, wordings, 2, d) for methods that need wordings.
            y: (n,) which choice is right, 0 or 1, NaN where unknown. At most `sign_labels` are looked at.

        Raises:
            ProbeError: fewer than two questions, another shape, states that are not finite, or no label.
        """
        X = self._checked(X)
        if len(X) < 2:
            raise ProbeError(f"{len(X)} contrast pairs are too few to learn from: give at least 2")
        y = np.asarray(y, dtype=np.float64)
        middle, spread = X.mean(axis=0), X.std(axis=0)
        constant = spread < CONSTANT
        spread[constant] = 1.0
        found = self._vector((X - middle) / spread)
        wordings = int(np.prod(X.shape[1:-2]))
        weights = found * np.array([-0.5, 0.5])[:, None] / wordings
        self.classes_ = np.array([0, 1])
        self.coef_ = np.where(constant, 0.0, weights / spread)
        self.intercept_ = -(self.coef_ * middle).sum()[None]
        self.sign_rows_ = self._few(y)
        if self.signs(X, y[None])[0] < 0:
            self.coef_, self.intercept_ = -self.coef_, -self.intercept_
        return self

    def signs(self, X: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Whether other labels would have left the fitted direction as it is (1) or turned it (-1), (sets,).

        Args:
            X: the contrast pairs that it was fitted on.
            labels: sets of labels of these, (sets, n). Those of the rows that set the sign are looked at.
        """
        told = 2 * np.asarray(labels, dtype=np.float64)[:, self.sign_rows_] - 1
        return np.where(told @ self.decision_function(X[self.sign_rows_]) < 0, -1, 1)

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Signed scores, (n,): above 0 where choice 1 is held to be right."""
        check_is_fitted(self)
        X = self._checked(X)
        if X.shape[1:] != self.coef_.shape:
            raise ProbeError(
                f"contrast pairs of shape {X.shape[1:]} cannot be scored by weights {self.coef_.shape}"
            )
        return (X * self.coef_).reshape(len(X), -1).sum(axis=1) + self.intercept_[0]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The choice held to be right, (n,)."""
        return (self.decision_function(X) > 0).astype(int)

    def _vector(self, normalised: np.ndarray) -> np.ndarray:
        """θ, (d,), out of the normalised states, in the shape of X."""
        raise NotImplementedError

    def _few(self, y: np.ndarray) -> np.ndarray:
        known = np.flatnonzero(~np.isnan(y))
        if not len(known):
            raise ProbeError("no labels at all: a few are needed to tell which end of the direction is true")
        few = min(self.sign_labels, len(known))
        return np.sort(np.random.default_rng(self.seed).choice(known, few, replace=False))

    def _checked(self, X: np.ndarray) -> np.ndarray:
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != self._axes or X.shape[-2] != 2 or not np.isfinite(X).all():
            form = "(n, 2, d)" if self._axes == 3 else "(n, wordings, 2, d)"
            raise ProbeError(f"finite contrast pairs {form} are needed, not an array of shape {X.shape}")
        return X
