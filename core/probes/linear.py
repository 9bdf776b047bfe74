"""What linear two-class estimators share: checked input, a signed score, its direction."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data


class LinearProbe(ClassifierMixin, BaseEstimator):
    """A score state · coef + intercept, above 0 for the second of two classes.

    Attributes:
        classes_: the two classes, sorted.
        coef_: (1, d).
        intercept_: (1,).
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    @property
    def direction_(self) -> np.ndarray:
        """The weight vector, (d,)."""
        return self.coef_[0]

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Signed scores, (n,): above 0 for the second class."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return X @ self.coef_[0] + self.intercept_[0]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Classes, (n,)."""
        positive = self.decision_function(X) > 0
        return self.classes_[positive.astype(int)]

    def _checked(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """X as float64, and which rows are of the second class, (n,) of bool. Sets `classes_`."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_ = unique_labels(y)
        if len(self.classes_) != 2:
            raise ValueError("two classes are needed, and there is one class")
        return X, y == self.classes_[1]

    def _set(self, vector: np.ndarray, negative: np.ndarray, positive: np.ndarray) -> None:
        """Keep a direction, (d,), with its threshold half-way between the two classes' means, (d,) each."""
        self.coef_ = vector[None]
        self.intercept_ = -self.coef_ @ (positive + negative) / 2
