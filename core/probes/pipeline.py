"""A probe of one layer as a scikit-learn pipeline: standardise, rotate into the rows' span, classify.

Probes of contrast pairs standardise each choice by itself: their pipeline has the last step alone.

A training row, and the direction that these classifiers learn, lie in the span of the training rows. Fitting
in it makes a fit on 100 answers with 576 features cheap enough to repeat thousands of times, and changes
no direction, but for LDA's: its shrinkage is then of the covariance within the span.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from core.errors import ProbeError
from core.probes.method import NEEDS
from core.probes.methods import method_named

CLASSIFY = "classify"


class SpanRotation(TransformerMixin, BaseEstimator):
    """Rotates states into the span of the training rows: (n, d) to (n, min(rank, d)).

    Attributes:
        components_: orthonormal rows, (rank, d).
    """

    def fit(self, X: np.ndarray, y: Any = None) -> "SpanRotation":
        """Find the span of X, (n, d); of more rows than columns it is that of the triangle of X = QR."""
        X = validate_data(self, X, dtype=np.float64)
        triangle = np.linalg.qr(X, mode="r") if len(X) > X.shape[1] else X
        _, singular, rows = np.linalg.svd(triangle, full_matrices=False)
        rank = max(1, int((singular > singular[0] * 1e-9).sum()))
        self.components_ = rows[:rank]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Coordinates in the span; what lies outside it is left out."""
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False) @ self.components_.T


def make_classifier(method: str) -> Any:
    """The last step of a probe of one layer.

    Raises:
        ProbeError: unknown method, or one that is not of one layer.
    """
    found = method_named(method)
    if not (found.one_layer or found.contrast):
        raise ProbeError(
            f"method {method!r} makes no probe of one layer: it needs {NEEDS[found.needs]}; "
            f"use its estimator in core.probes.methods"
        )
    return found.make()


def make_probe(method: str) -> Pipeline:
    """An unfitted probe. What its method needs besides labels, `fit` takes by `fit_parameters`' names."""
    classify = (CLASSIFY, make_classifier(method))
    if method_named(method).contrast:
        return Pipeline([classify])
    return Pipeline([("scale", StandardScaler()), ("rotate", SpanRotation()), classify])


def fit_parameters(beside: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a method needs besides labels, under the names that the pipeline's `fit` passes on."""
    return {f"{CLASSIFY}__{name}": values for name, values in beside.items()}


def direction(probe: Pipeline) -> tuple[np.ndarray, float]:
    """A fitted probe as one vector (d_model,) and an intercept: score = state · vector + intercept.

    Of a probe of contrast pairs the vector weighs the states of a pair side by side, as `flat` lays them.
    """
    *before, classify = (step for _, step in probe.steps)
    if not before:
        return classify.coef_.ravel(), float(classify.intercept_[0])
    scale, rotate = before
    vector = (classify.coef_[0] @ rotate.components_) / scale.scale_
    return vector, float(np.ravel(classify.intercept_)[0] - scale.mean_ @ vector)


def flat(states: np.ndarray) -> np.ndarray:
    """States of answers as one row each: (n, d_model) as they are, contrast pairs side by side."""
    return states.reshape(len(states), -1)
