"""Multi-layer: one logistic regression on the states of all layers at once."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from core.probes.method import Method


class MultiLayerLogistic(ClassifierMixin, BaseEstimator):
    """L2-regularised logistic regression on the standardised states of all layers, side by side.

    Side by side, not as a sum of each layer's own score: the layers' own probes are fitted to the training
    answers, so that their scores there say nothing of which layer to trust; here one penalty weighs them all.
    Each layer is divided by √layers, so that the same states in every layer give the probe of one layer.
    Fitted in the span of the n rows, whatever the number of layers.

    Source: Alain and Bengio 2017, "Understanding intermediate layers using linear classifier probes", on all
    layers in place of one.

    Args:
        C: inverse strength of the penalty, as in scikit-learn.

    Attributes:
        coef_: (layers, d); intercept_: (1,). Score: the sum over layers of state · coef, plus intercept.
    """

    def __init__(self, C: float = 0.1) -> None:
        self.C = C

    @property
    def direction_(self) -> np.ndarray:
        """The weights, (layers, d)."""
        return self.coef_

    def fit(self, X: np.ndarray, y: np.ndarray) -> "MultiLayerLogistic":
        """Fit on states X, (n, layers, d), and two classes y, (n,)."""
        X = _checked(X)
        middle, spread = X.mean(axis=0), X.std(axis=0)
        spread[spread < 1e-12] = 1.0
        spread *= np.sqrt(X.shape[1])
        flat = ((X - middle) / spread).reshape(len(X), -1)
        left, lengths, axes = np.linalg.svd(flat, full_matrices=False)
        judge = LogisticRegression(C=self.C, max_iter=500).fit(left * lengths, y)
        self.classes_ = judge.classes_
        self.coef_ = (judge.coef_[0] @ axes).reshape(X.shape[1:]) / spread
        self.intercept_ = judge.intercept_ - (self.coef_ * middle).sum()
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Signed scores of states X, (n, layers, d): (n,), above 0 for the second class."""
        check_is_fitted(self)
        X = _checked(X)
        if X.shape[1:] != self.coef_.shape:
            raise ValueError(f"states of shape {X.shape[1:]} cannot be scored by weights {self.coef_.shape}")
        return np.einsum("nld,ld->n", X, self.coef_) + self.intercept_[0]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Classes, (n,)."""
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


def _checked(X: np.ndarray) -> np.ndarray:
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 3 or not np.isfinite(X).all():
        raise ValueError(f"finite states (n, layers, d) are needed, not an array of shape {X.shape}")
    return X


METHOD = Method(
    name="multi-layer",
    about="One logistic regression with an L2 penalty on the states of all layers side by side.",
    source="Alain and Bengio 2017, on all layers at once",
    make=MultiLayerLogistic,
    needs="all layers",
)
