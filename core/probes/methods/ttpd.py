"""TTPD: a truth direction that holds for statements and for their negations alike."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from core.errors import ProbeError
from core.probes.linear import LinearProbe
from core.probes.method import Method


class TTPD(LinearProbe):
    """Training of Truth and Polarity Direction.

    With τ = ±1 for true and false, p = ±1 for a statement and its negation, states are fitted by least
    squares as a = μ_p + τ t_G + τ p t_P: t_G holds whatever the polarity, t_P turns with it. The score is a
    logistic regression on two numbers: the state along t_G, and along the direction of polarity, which a
    logistic regression on all of the state finds.

    Source: Bürger, Hamprecht and Nadler 2024, "Truth is Universal: Robust Detection of Lies in LLMs". Two
    differences: the means μ_p are fitted along with the rest, which is the same where labels are balanced;
    and both regressions have an L2 penalty, without which they have no solution where classes can be parted.

    Attributes:
        truth_direction_: t_G, (d,).
        polarity_truth_direction_: t_P, (d,).
        polarity_direction_: along which statements and negations differ, (d,), of length 1.
        coef_: the score's weights, a mix of t_G and the polarity direction, (1, d).
        intercept_: (1,).
    """

    def fit(self, X: np.ndarray, y: np.ndarray, polarity: np.ndarray | None = None) -> "TTPD":
        """Fit on states X, (n, d), two classes y, (n,), and polarity, (n,) of 1 (statement) or -1 (negation).

        Raises:
            ProbeError: no polarity, another value than these, or one of them alone.
        """
        X, positive = self._checked(X, y)
        if polarity is None:
            raise ProbeError(
                "method 'ttpd' needs the polarity of each statement: give 1, or -1 for negations"
            )
        turned = np.asarray(polarity, dtype=np.float64)
        if set(turned.tolist()) != {-1.0, 1.0}:
            raise ProbeError("method 'ttpd' needs statements (polarity 1) and negations (-1) to train on")
        truth = np.where(positive, 1.0, -1.0)
        design = np.column_stack([turned > 0, turned < 0, truth, truth * turned]).astype(np.float64)
        fitted = np.linalg.lstsq(design, X, rcond=None)[0]
        self.truth_direction_, self.polarity_truth_direction_ = fitted[2], fitted[3]
        told_apart = LogisticRegression(C=0.1, max_iter=500).fit(X, turned > 0)
        self.polarity_direction_ = _unit(told_apart.coef_[0])
        plane = np.stack([_unit(self.truth_direction_), self.polarity_direction_])
        along = X @ plane.T
        middle, spread = along.mean(axis=0), along.std(axis=0)
        spread[spread < 1e-12] = 1.0
        judge = LogisticRegression(C=1.0).fit((along - middle) / spread, positive)
        weights = judge.coef_[0] / spread
        self.coef_ = (weights @ plane)[None]
        self.intercept_ = judge.intercept_ - weights @ middle
        return self


def _unit(vector: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-12 else np.zeros_like(vector)


METHOD = Method(
    name="ttpd",
    about="A truth direction shared by statements and their negations, corrected along their polarity.",
    source="Bürger, Hamprecht and Nadler 2024, Truth is Universal",
    make=TTPD,
    needs="polarity",
)
