"""Many logistic regressions at once: folds, resamples or permutations that share one layer's states.

Each problem is scikit-learn's `LogisticRegression` behind a `StandardScaler` fitted on the rows of that
problem. What a problem's scale has of its own is moved into its penalty, so that all problems multiply one
matrix, in float32, and a step of every problem costs two passes over it. Steps are nonlinear conjugate
gradients, preconditioned by the leading directions of the curvature, which the problems share.

Sources: Polak and Ribière 1969, "Note sur la convergence de méthodes de directions conjuguées"; Boehning
1992, "Multinomial logistic regression algorithm" (the curvature's bound); Frangella, Tropp and Udell 2023,
"Randomized Nyström preconditioning".
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import solve_triangular
from torch.nn.functional import linear

from core.engine.arithmetic import FastLinear

C = 0.1
"""Inverse strength of the penalty, as in `core.probes.methods.logistic`."""
TOLERANCE = 1e-6
AS_SCIKIT_LEARN = 5e-5
"""Half of where scikit-learn stops by default: other scores than its own by less than its own error."""
MOST_STEPS = 300
LINE_STEPS = 8
FEWEST_LEADING, MOST_LEADING = 48, 192
"""Directions that the preconditioner knows: more pay where there are more problems."""
RESCALED = (0, 3, 7, 15, 40, 80)
"""Steps at which the preconditioner learns each problem's curvature, and the descent starts anew."""
SAME = 1e-5
"""Variance ÷ squared mean below which a column of float32 numbers does not vary."""


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
    states: np.ndarray, targets: np.ndarray, weights: np.ndarray, *, tolerance: float = TOLERANCE
) -> Directions:
    """Solve P penalised logistic regressions on the same n states.

    Args:
        states: (n, d).
        targets: 0 or 1, (n,) where all problems share them, else (P, n). What has weight 0 is not looked at.
        weights: how often each row counts in each problem, (P, n): 0 or 1 for folds, counts for resamples.
        tolerance: the largest slope of a problem's mean loss, on standardised states, at which it is solved:
            scikit-learn's `tol`.

    Raises:
        ValueError: a problem has one class only.
    """
    S = np.asarray(weights, dtype=np.float32)
    used = S.any(axis=0)
    S = np.ascontiguousarray(S[:, used])
    Y = np.where(S > 0, np.asarray(targets)[..., used], 0).astype(np.float32)
    positive = (S * Y).sum(axis=1)
    if not ((positive > 0) & (positive < S.sum(axis=1))).all():
        raise ValueError("a problem has one class only")
    X = np.asarray(states, dtype=np.float32)
    with torch.inference_mode(), FastLinear():
        problem = _Problem(X if used.all() else X[used], Y, S)
        return problem.directions(problem.solve(tolerance))


class _Problem:
    """min over W of Σ_p ½ Σ_j penalty_pj W_pj² + C Σ_i S_pi log(1 + exp(-±(Z Wᵀ)_ip)).

    Z are the states standardised by the mean of the problems' variances, a column of ones for the intercept
    behind them, and columns of zeros up to a width that products are fast at.
    """

    def __init__(self, X: np.ndarray, Y: np.ndarray, S: np.ndarray) -> None:
        n, self.d = X.shape
        self.mean = np.ones(n, dtype=np.float32) @ X / np.float32(n)
        Z = np.zeros((n, -(-(self.d + 1) // 16) * 16), dtype=np.float32)
        np.subtract(X, self.mean, out=Z[:, : self.d])
        count = S.sum(axis=1, keepdims=True)
        means = _product(S, Z.T) / count
        variances = _product(S, (Z * Z).T) / count - means**2
        self.same = variances <= SAME * means**2
        variances[self.same] = 1.0
        spread = variances.mean(axis=0)
        self.penalty = variances / spread
        self.penalty[:, self.d] = 0.0
        self.same[:, self.d] = False
        self.scale = np.sqrt(spread)
        Z /= self.scale
        Z[:, self.d] = 1.0
        self.Z, self.Y, self.S = Z, Y, np.float32(C) * S

    def directions(self, W: np.ndarray) -> Directions:
        """A solution (P, width) for states as they are."""
        vectors = W[:, : self.d].astype(np.float64) / self.scale[: self.d]
        return Directions(vectors, W[:, self.d] - vectors @ self.mean)

    def solve(self, tolerance: float) -> np.ndarray:
        """The minimum, (P, width)."""
        curvature = _Curvature(self.Z, self.S)
        goal = tolerance * self.S.sum(axis=1)
        W = np.zeros_like(self.penalty)
        scores = np.zeros_like(self.S)
        p = np.full_like(self.S, 0.5)
        along, before, size_before = np.zeros_like(W), np.zeros_like(W), np.ones(len(W), dtype=np.float32)
        for number in range(MOST_STEPS):
            gradient = _product(self.S * (p - self.Y), self.Z.T) + self.penalty * W
            gradient[self.same] = 0.0
            left = np.abs(gradient).max(axis=1) > goal
            if not left.any():
                break
            if number in RESCALED:
                along = np.zeros_like(W)
                curvature.rescale(np.vecdot(self.S, p * (1 - p)))
            z = curvature.solve(gradient)
            z[self.same] = 0.0
            size = np.vecdot(gradient, z)
            share = np.maximum((size - np.vecdot(before, z)) / np.maximum(size_before, 1e-30), 0)
            along = share[:, None] * along - z
            before, size_before = gradient, size
            moved = _product(along, self.Z)
            length, p = self._search(W, scores, p, along, moved, np.vecdot(gradient, along), left)
            W += length * along
            scores += length * moved
        return W

    def _search(
        self,
        W: np.ndarray,
        scores: np.ndarray,
        p: np.ndarray,
        along: np.ndarray,
        moved: np.ndarray,
        slope: np.ndarray,
        left: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """How far each problem that is left goes, (P, 1), by Newton's method, and its p there, (P, n)."""
        pulled = self.penalty * along
        bend, pull = np.vecdot(pulled, along), np.vecdot(pulled, W)
        first = self.S * moved
        second = first * moved
        length = np.zeros_like(slope)
        enough = 0.25 * np.abs(slope)
        for _ in range(LINE_STEPS):
            down = slope / np.maximum(np.vecdot(second, p * (1 - p)) + bend, 1e-30)
            length = length - np.where(left, down, 0)
            p = _expit(scores + length[:, None] * moved)
            slope = np.vecdot(first, p - self.Y) + pull + length * bend
            if (np.abs(slope) <= enough)[left].all():
                break
        return length[:, None], p


class _Curvature:
    """Curvature of every problem's loss, nearly: one matrix of low rank times a number of the problem's own.

    The matrix is Boehning's bound, ¼ ZᵀSZ with S the mean over problems, seen through some of Z's rows.
    """

    def __init__(self, Z: np.ndarray, S: np.ndarray) -> None:
        bound = S.mean(axis=0) / 4
        self.total = bound.sum()
        rank = min(max(2 * len(S), FEWEST_LEADING), MOST_LEADING, *Z.shape)
        some = Z[np.random.default_rng(0).permutation(len(Z))[:rank]]
        basis = _inverse_root(some @ some.T, some)
        seen = _product(_product(basis, Z) * bound, Z.T)
        root = _inverse_root(basis @ seen.T, seen)
        sizes, turned = np.linalg.eigh(root.astype(np.float64) @ root.T)
        sizes = np.maximum(sizes, 1e-12)
        self.leading = ((turned / np.sqrt(sizes)).T @ root).astype(np.float32)
        self.leading_transposed = np.ascontiguousarray(self.leading.T)
        self.sizes = sizes.astype(np.float32)
        self.rest = max(float(np.vecdot(Z, Z) @ bound - sizes.sum()), 0.0) / Z.shape[1]

    def rescale(self, totals: np.ndarray) -> None:
        """Take the sums of each problem's curvatures over its rows, (P,)."""
        scale = (totals / self.total)[:, None]
        self.outside = 1 / (1 + scale * np.float32(self.rest))
        self.inside = 1 / (1 + scale * self.sizes) - self.outside

    def solve(self, gradient: np.ndarray) -> np.ndarray:
        """The step that would undo each gradient, (P, width)."""
        return self.outside * gradient + (gradient @ self.leading_transposed * self.inside) @ self.leading


def _inverse_root(square: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """L⁻¹ rows, with LLᵀ the square made symmetric and, by rounding's measure, positive definite."""
    square = (square + square.T).astype(np.float64) / 2
    square[np.diag_indices_from(square)] += 1e-6 * np.trace(square)
    return solve_triangular(np.linalg.cholesky(square), rows, lower=True, check_finite=False).astype(
        np.float32
    )


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left @ right.T of float32 matrices, a few rows by many, which PyTorch does faster than NumPy."""
    return linear(torch.from_numpy(left), torch.from_numpy(right)).numpy()


def _expit(scores: np.ndarray) -> np.ndarray:
    return np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * scores))
