"""Many logistic regressions at once: folds, resamples or permutations that share one layer's states.

Each problem is scikit-learn's `LogisticRegression` behind a `StandardScaler` fitted on the rows of that
problem. Scaling is not done but moved into the penalty, so that all problems multiply one matrix, and a step
of every problem is one matrix product. The solver is Newton's method; its linear systems are solved by
conjugate gradients, preconditioned by a bound on the curvature that all problems share.

Source: Boehning 1992, "Multinomial logistic regression algorithm" (the bound); Dembo, Eisenstat and Steihaug
1982, "Inexact Newton methods" (how exactly to solve each system).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import cho_factor, cho_solve

C = 0.1
"""Inverse strength of the penalty, as in `core.probes.methods.logistic`."""
MOST_STEPS = 50
MOST_INNER = 50
TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class Directions:
    """The solutions of P problems.

    Attributes:
        vectors: (P, d), for states as they are: score = states @ vectors.T + intercepts.
        intercepts: (P,).
    """

    vectors: np.ndarray
    intercepts: np.ndarray

    def scores(self, states: np.ndarray) -> np.ndarray:
        """The scores of states (n, d) in every problem, (n, P)."""
        return states @ self.vectors.T + self.intercepts


def fit_many(
    states: np.ndarray, targets: np.ndarray, weights: np.ndarray, *, scale: Literal["each", "shared"] = "each"
) -> Directions:
    """Solve P penalised logistic regressions on the same n states.

    Args:
        states: (n, d).
        targets: 0 or 1, (n,) where all problems share them, else (P, n). What has weight 0 is not looked at.
        weights: how often each row counts in each problem, (P, n): 0 or 1 for folds, counts for resamples.
        scale: `each` standardises every problem by its own rows, as a pipeline fitted on them does. `shared`
            does it once, by all rows that any problem counts: the same where all problems have one set of
            rows, close to it for resamples, and much faster where there are fewer rows than dimensions.

    Raises:
        ValueError: a problem has one class only.
    """
    S = np.asarray(weights, dtype=np.float64).T
    used = S.any(axis=1)
    X, S = np.asarray(states, dtype=np.float64)[used], S[used]
    Y = np.broadcast_to(np.asarray(targets, dtype=np.float64)[..., used], S.T.shape).T
    Y = np.where(S > 0, Y, 0.0)
    positive = (S * Y).sum(axis=0)
    if not ((positive > 0) & (positive < S.sum(axis=0))).all():
        raise ValueError("a problem has one class only")
    shift = X.mean(axis=0)
    X = X - shift
    if scale == "shared":
        spread = np.sqrt(_variances(X, np.ones((len(X), 1))))
        rows = np.linalg.svd(X / spread[:, 0], full_matrices=False)[2]
        X, back = X / spread[:, 0] @ rows.T, rows / spread.T
        penalty = np.ones((X.shape[1], S.shape[1]))
    else:
        penalty = _variances(X, S)
    penalty = np.vstack([penalty, np.zeros(S.shape[1])])
    W = _Problem(np.column_stack([X, np.ones(len(X))]), Y, C * S, penalty).solve()
    vectors = W[:-1].T @ back if scale == "shared" else W[:-1].T
    return Directions(vectors, W[-1] - vectors @ shift)


def _variances(X: np.ndarray, S: np.ndarray) -> np.ndarray:
    """Each column's variance over each problem's rows, (d, P); 1 where it is 0, as StandardScaler has it."""
    count = S.sum(axis=0)
    means = X.T @ S / count
    found = (X**2).T @ S / count - means**2
    return np.where(found <= 1e-12 * np.maximum(means**2, 1e-300), 1.0, found)


class _Problem:
    """min over W of Σ_p ½ Σ_j penalty_jp W_jp² + Σ_i S_ip log(1 + exp(-±(XW)_ip))."""

    def __init__(self, X: np.ndarray, Y: np.ndarray, S: np.ndarray, penalty: np.ndarray) -> None:
        self.X, self.Y, self.S, self.penalty = X, Y, S, penalty
        bound = X.T @ (X * (S.mean(axis=1) / 4)[:, None])
        bound[np.diag_indices_from(bound)] += penalty.mean(axis=1) + 1e-9
        self.factor = cho_factor(bound)

    def solve(self) -> np.ndarray:
        """The minimum, (d, P)."""
        W = np.zeros_like(self.penalty)
        scores = self.X @ W
        value = self._value(W, scores)
        first = None
        for _ in range(MOST_STEPS):
            p = _expit(scores)
            gradient = self.X.T @ (self.S * (p - self.Y)) + self.penalty * W
            size = np.linalg.norm(gradient, axis=0)
            first = size if first is None else first
            left = size > TOLERANCE * first
            if not left.any():
                break
            exact = np.minimum(0.1, np.sqrt(size / np.maximum(first, 1e-300)))
            step = self._newton(gradient, self.S * p * (1 - p), exact)
            moved = self.X @ step
            length = np.where(left, 1.0, 0.0)
            for _ in range(30):
                tried = self._value(W + length * step, scores + length * moved)
                worse = tried > value + 1e-12 * np.abs(value)
                if not worse.any():
                    break
                length = np.where(worse, length / 2, length)
            W, scores = W + length * step, scores + length * moved
            value = tried
        return W

    def _newton(self, gradient: np.ndarray, curvature: np.ndarray, exact: np.ndarray) -> np.ndarray:
        """Solve (Xᵀ curvature X + penalty) step = -gradient by preconditioned conjugate gradients."""
        step = np.zeros_like(gradient)
        residual = -gradient
        wanted = exact * np.linalg.norm(gradient, axis=0)
        z = cho_solve(self.factor, residual, check_finite=False)
        along, rz = z, (residual * z).sum(axis=0)
        for _ in range(MOST_INNER):
            product = self.X.T @ (curvature * (self.X @ along)) + self.penalty * along
            length = rz / np.maximum((along * product).sum(axis=0), 1e-300)
            step += length * along
            residual = residual - length * product
            if (np.linalg.norm(residual, axis=0) <= wanted).all():
                break
            z = cho_solve(self.factor, residual, check_finite=False)
            before, rz = rz, (residual * z).sum(axis=0)
            along = z + rz / np.maximum(before, 1e-300) * along
        return step

    def _value(self, W: np.ndarray, scores: np.ndarray) -> np.ndarray:
        losses = np.logaddexp(0, scores) - self.Y * scores
        return (self.S * losses).sum(axis=0) + (self.penalty * W**2).sum(axis=0) / 2


def _expit(scores: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(scores / 2))
