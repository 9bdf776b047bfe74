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
from scipy.linalg import eigh
from torch.nn.functional import linear

from core.engine.arithmetic import AVAILABLE

C = 0.1
"""Inverse strength of the penalty, as in `core.probes.methods.logistic`."""
TOLERANCE = 1e-6
AS_SCIKIT_LEARN = 5e-5
"""Half of where scikit-learn stops by default: other scores than its own by less than its own error."""
MOST_STEPS = 300
LINE_STEPS = 8
FEWEST_LEADING, MOST_LEADING = 48, 192
"""Directions that the preconditioner knows: more pay where there are more problems."""
REST = 2.0
"""What the other directions count, over their mean: the largest of them are seen in part only."""
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
    X = np.require(states, np.float32, ("C", "W"))
    with torch.inference_mode():
        return _Problem(X if used.all() else X[used], Y, S).solve(tolerance)


class _Problem:
    """min over W of Σ_p ½ Σ_j penalty_pj W_pj² + C Σ_i S_pi log(1 + exp(-sign_pi (Z Wᵀ)_ip)).

    Z are the states standardised by the mean of the problems' variances, a column of ones for the intercept
    behind them. The descent is in V = W / 2, and its loss a quarter of that above: with t = tanh(Z Vᵀ) the
    slope of a row's loss is then S (t - sign), its S times C / 4, and its curvature S (1 - t²).
    """

    def __init__(self, X: np.ndarray, Y: np.ndarray, S: np.ndarray) -> None:
        n, self.d = X.shape
        self.mean = np.ones(n, dtype=np.float32) @ X / np.float32(n)
        Z = np.empty((n, self.d + 1), dtype=np.float32)
        Z[:, self.d] = 1.0
        torch.sub(torch.from_numpy(X), torch.from_numpy(self.mean), out=torch.from_numpy(Z)[:, : self.d])
        self.count = S.sum(axis=1)
        means = _product(S, Z.T) / self.count[:, None]
        variances = _product(S, (Z * Z).T) / self.count[:, None] - means**2
        same = variances <= SAME * means**2
        variances[same] = 1.0
        spread = variances.mean(axis=0)
        self.penalty = variances / spread
        self.penalty[:, self.d] = 0.0
        same[:, self.d] = False
        self.varies = (~same).astype(np.float32)
        self.scale = np.sqrt(spread)
        torch.from_numpy(Z).div_(torch.from_numpy(self.scale))
        self.Z, self.S, self.sign = Z, np.float32(C / 4) * S, 2 * Y - 1
        self.V, self.scores = np.zeros_like(self.penalty), np.zeros_like(S)
        self.slopes, self.curvatures = -self.S * self.sign, self.S

    def solve(self, tolerance: float) -> Directions:
        """The minimum, for states as they are."""
        curvature = _Curvature(self.Z, self.S)
        goal = tolerance * np.float32(C / 2) * self.count
        along = before = np.zeros_like(self.V)
        size_before = np.ones_like(goal)
        for _ in range(MOST_STEPS):
            gradient = (_product(self.slopes, self.Z.T) + self.penalty * self.V) * self.varies
            left = np.abs(gradient).max(axis=1) > goal
            if not left.any():
                break
            z = curvature.solve(gradient, self.curvatures.sum(axis=1)) * self.varies
            size = np.vecdot(gradient, z)
            share = np.maximum((size - np.vecdot(before, z)) / np.maximum(size_before, 1e-30), 0)
            along = share[:, None] * along - z
            before, size_before = gradient, size
            self._descend(along, np.vecdot(gradient, along), left)
        vectors = 2 * self.V[:, : self.d].astype(np.float64) / self.scale[: self.d]
        return Directions(vectors, 2 * self.V[:, self.d] - vectors @ self.mean)

    def _descend(self, along: np.ndarray, slope: np.ndarray, left: np.ndarray) -> None:
        """Go down the slopes, (P,), of problems that are left, nearly to their ends, by Newton's method."""
        moved = _product(along, self.Z)
        pull = self.penalty * along
        stiffness, square = np.vecdot(pull, along), moved * moved
        enough = 0.25 * np.abs(slope)
        for _ in range(LINE_STEPS):
            down = slope / np.maximum(np.vecdot(self.curvatures, square) + stiffness, 1e-30)
            length = np.where(left, down, 0)[:, None]
            self.V -= length * along
            self.scores -= length * moved
            t = np.tanh(self.scores)
            self.slopes, self.curvatures = self.S * (t - self.sign), self.S * (1 - t * t)
            slope = np.vecdot(self.slopes, moved) + np.vecdot(pull, self.V)
            if (np.abs(slope) <= enough)[left].all():
                break


class _Curvature:
    """Curvature of every problem's loss, nearly: one matrix of low rank times a number of the problem's own.

    The matrix is Boehning's bound, ZᵀSZ with S the mean over problems, seen through some of Z's rows.
    """

    def __init__(self, Z: np.ndarray, S: np.ndarray) -> None:
        bound = S.mean(axis=0)
        self.total = bound.sum()
        rank = min(max(2 * len(S), FEWEST_LEADING), MOST_LEADING, *Z.shape)
        some = Z[np.random.default_rng(0).permutation(len(Z))[:rank]]
        seen = _product(_product(some, Z) * bound, Z.T).astype(np.float64)
        inner = seen @ some.T
        inner = (inner + inner.T) / 2
        inner[np.diag_indices(rank)] += 1e-7 * np.trace(inner)
        sizes, turned = eigh(seen @ seen.T, inner, check_finite=False)
        sizes = np.maximum(sizes, 1e-12)
        self.leading = ((turned / np.sqrt(sizes)).T @ seen).astype(np.float32)
        self.leading_transposed = np.ascontiguousarray(self.leading.T)
        self.sizes = sizes.astype(np.float32)
        self.rest = REST * max(float(self.total - sizes.sum() / Z.shape[1]), 0.0)

    def solve(self, gradient: np.ndarray, curvatures: np.ndarray) -> np.ndarray:
        """The step that would undo each gradient, (P, d + 1), from the sum of its rows' curvatures, (P,)."""
        scale = (curvatures / self.total)[:, None]
        outside = 1 / (1 + scale * self.rest)
        inside = 1 / (1 + scale * self.sizes) - outside
        return outside * gradient + (gradient @ self.leading_transposed * inside) @ self.leading


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left @ right.T of float32 matrices, a few rows by many: see `core.engine.arithmetic`."""
    few, many = torch.from_numpy(left), torch.from_numpy(right)
    if not AVAILABLE:
        return linear(few, many).numpy()
    return torch.ops.mkldnn._linear_pointwise.default(few, many, None, "none", [], "").numpy()
