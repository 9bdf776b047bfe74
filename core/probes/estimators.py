"""Probes as scikit-learn pipelines: standardise, rotate into the rows' span, classify.

The rotation loses nothing: a training row, and the direction that these classifiers learn, lie in the span
of the training rows. It makes a fit on 100 answers with 576 features cheap enough to repeat
thousands of times.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from core.errors import ProbeError

METHODS = ("logistic", "difference-of-means", "lda")


class SpanRotation(TransformerMixin, BaseEstimator):
    """Rotates states into the span of the training rows: (n, d) to (n, min(rank, d)).

    Attributes:
        components_: orthonormal rows, (rank, d).
    """

    def fit(self, X: np.ndarray, y: Any = None) -> "SpanRotation":
        """Find the span of X, (n, d)."""
        X = validate_data(self, X, dtype=np.float64)
        _, singular, rows = np.linalg.svd(X, full_matrices=False)
        rank = max(1, int((singular > singular[0] * 1e-9).sum()))
        self.components_ = rows[:rank]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Coordinates in the span; what lies outside it is left out."""
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False) @ self.components_.T


class DifferenceOfMeans(ClassifierMixin, BaseEstimator):
    """The direction from one class's mean to the other's; the threshold is half-way.

    Source: Marks and Tegmark 2023, "The Geometry of Truth" (mass-mean probing, without its covariance).

    Attributes:
        coef_: the direction, (1, d).
        intercept_: (1,).
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: np.ndarray, y: np.ndarray) -> "DifferenceOfMeans":
        """Fit on states X, (n, d), and two classes y, (n,)."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_ = unique_labels(y)
        if len(self.classes_) != 2:
            raise ValueError("two classes are needed, and there is one class")
        negative, positive = (X[y == value].mean(axis=0) for value in self.classes_)
        self.coef_ = (positive - negative)[None]
        self.intercept_ = -self.coef_ @ (positive + negative) / 2
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Signed scores, (n,): above 0 for the second class."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return X @ self.coef_[0] + self.intercept_[0]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Classes, (n,)."""
        positive = self.decision_function(X) > 0
        return self.classes_[positive.astype(int)]


def make_classifier(method: str) -> Any:
    """The last step of a probe.

    Raises:
        ProbeError: unknown method.
    """
    if method == "logistic":
        return LogisticRegression(C=0.1, max_iter=500)
    if method == "difference-of-means":
        return DifferenceOfMeans()
    if method == "lda":
        return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    raise ProbeError(f"unknown method {method!r}: choose {', '.join(METHODS)}")


def make_probe(method: str) -> Pipeline:
    """An unfitted probe: L2 logistic regression, difference of means, or LDA with Ledoit-Wolf shrinkage."""
    steps = [("scale", StandardScaler()), ("rotate", SpanRotation()), ("classify", make_classifier(method))]
    return Pipeline(steps)


def direction(probe: Pipeline) -> tuple[np.ndarray, float]:
    """A fitted probe as one vector (d_model,) and an intercept: score = state · vector + intercept."""
    scale, rotate, classify = (step for _, step in probe.steps)
    vector = (classify.coef_[0] @ rotate.components_) / scale.scale_
    return vector, float(np.ravel(classify.intercept_)[0] - scale.mean_ @ vector)
