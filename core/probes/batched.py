"""Many logistic regressions at once: folds, resamples or permutations that share one layer's states.

Each problem is scikit-learn's `LogisticRegression` behind a `StandardScaler` fitted on the rows of that
problem. What a problem's scale has of its own is moved into its penalty, so that all problems multiply one
matrix, in float32, and a step of every problem costs two passes over it. Steps are nonlinear conjugate
gradients, preconditioned by the leading directions of the curvature, which the problems share. They are one
call in TorchScript, which runs outside Python's lock: layers are solved side by side, a thread to a core, and
threads that meet at the lock several times a step would wait for it a quarter of their time.

Sources: Polak and Ribière 1969, "Note sur la convergence de méthodes de directions conjuguées"; Boehning
1992, "Multinomial logistic regression algorithm" (the curvature's bound); Frangella, Tropp and Udell 2023,
"Randomized Nyström preconditioning".
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from core.engine.arithmetic import AVAILABLE, by_onednn

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
    behind them; a sign is 1 where Y is, else -1.
    """

    def __init__(self, X: np.ndarray, Y: np.ndarray, S: np.ndarray) -> None:
        n, self.d = X.shape
        self.mean = np.ones(n, dtype=np.float32) @ X / np.float32(n)
        Z = np.empty((n, self.d + 1), dtype=np.float32)
        Z[:, self.d] = 1.0
        torch.sub(torch.from_numpy(X), torch.from_numpy(self.mean), out=torch.from_numpy(Z)[:, : self.d])
        self.count = S.sum(axis=1)
        means = _of_arrays(S, Z.T) / self.count[:, None]
        variances = _of_arrays(S, (Z * Z).T) / self.count[:, None] - means**2
        same = variances <= SAME * means**2
        variances[same] = 1.0
        spread = variances.mean(axis=0)
        self.penalty = variances / spread
        self.penalty[:, self.d] = 0.0
        same[:, self.d] = False
        self.varies = (~same).astype(np.float32)
        self.scale = np.sqrt(spread)
        torch.from_numpy(Z).div_(torch.from_numpy(self.scale))
        self.Z, self.Y, self.S = Z, Y, np.float32(C) * S

    def solve(self, tolerance: float) -> Directions:
        """The minimum, for states as they are."""
        goal = tolerance * np.float32(C) * self.count[:, None]
        given = (self.Z, self.Y, self.S, self.penalty, self.varies, goal, *_curvature(self.Z, self.S))
        W = _minimum(*map(torch.from_numpy, given)).numpy()
        vectors = W[:, : self.d].astype(np.float64) / self.scale[: self.d]
        return Directions(vectors, W[:, self.d] - vectors @ self.mean)


def _curvature(Z: np.ndarray, S: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Curvature of every problem's loss, nearly: one matrix times the sum of the problem's own curvatures.

    The matrix is Boehning's bound, ZᵀSZ / 4 with S the mean over problems, seen through some of Z's rows.

    Returns:
        The leading directions, (r, d + 1), the curvature along each, (r,), and along all others, (1,), where
        a problem's own curvatures sum up to 1.
    """
    bound = S.mean(axis=0)
    bound /= bound.sum()
    rank = min(max(2 * len(S), FEWEST_LEADING), MOST_LEADING, *Z.shape)
    some = Z[_drawn(len(Z), rank)]
    seen = _of_arrays(_of_arrays(some, Z) * bound, Z.T).astype(np.float64)
    inner = seen @ some.T
    inner = (inner + inner.T) / 2
    inner[np.diag_indices(rank)] += 1e-7 * np.trace(inner)
    root = np.linalg.inv(np.linalg.cholesky(inner))
    sizes, turned = np.linalg.eigh(root @ (seen @ seen.T) @ root.T)
    sizes = np.maximum(sizes, 1e-12)
    leading = (turned / np.sqrt(sizes)).T @ root @ seen
    rest = REST * max(1 - sizes.sum() / Z.shape[1], 0.0)
    return leading.astype(np.float32), sizes.astype(np.float32), np.array([rest], dtype=np.float32)


@cache
def _drawn(n: int, rank: int) -> np.ndarray:
    """So many of n rows, the same ones at every layer."""
    return np.random.default_rng(0).permutation(n)[:rank]


_product: Callable[[Tensor, Tensor], Tensor] = by_onednn if AVAILABLE else linear
"""few @ many.T of float32 matrices: a few rows by many. MKL's own product takes threads even in a thread that
is to have one."""


def _of_arrays(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return _product(torch.from_numpy(left), torch.from_numpy(right)).numpy()


def _dot(left: Tensor, right: Tensor) -> Tensor:
    """Of each row with its like, (P, 1)."""
    return (left * right).sum(1, keepdim=True)


@torch.jit.script
def _minimum(
    Z: Tensor,
    Y: Tensor,
    S: Tensor,
    penalty: Tensor,
    varies: Tensor,
    goal: Tensor,
    leading: Tensor,
    sizes: Tensor,
    rest: Tensor,
    most_steps: int = MOST_STEPS,
    line_steps: int = LINE_STEPS,
) -> Tensor:
    """W where no slope exceeds its problem's goal, (P, 1); S has C in it.

    Each step goes down along a direction nearly to the end of the slope, by Newton's method.
    """
    across, leading_across = Z.T.contiguous(), leading.T.contiguous()  # each product runs along its memory
    W, scores = torch.zeros_like(penalty), torch.zeros_like(S)
    slopes, curvatures = S * (0.5 - Y), S / 4
    along, before, size_before = torch.zeros_like(W), W, torch.ones_like(goal)
    for _ in range(most_steps):
        gradient = _product(slopes, Z.T).addcmul_(penalty, W).mul_(varies)
        left = gradient.abs().amax(1, keepdim=True) > goal
        if not bool(left.any()):
            break
        curvature = curvatures.sum(1, keepdim=True)
        outside = (rest * curvature).add_(1).reciprocal_()
        inside = (sizes * curvature).add_(1).reciprocal_().sub_(outside)
        z = _product(_product(gradient, leading).mul_(inside), leading_across)
        z.addcmul_(outside, gradient).mul_(varies)
        size = _dot(gradient, z)
        share = (size - _dot(before, z)).div_(size_before).clamp_(min=0.0)
        along.mul_(share).sub_(z)
        before, size_before = gradient, size.clamp(min=1e-30)
        moved, pull = _product(along, across.T), penalty * along
        stiffness, square = _dot(pull, along), moved * moved
        slope = _dot(gradient, along)
        enough = slope.abs() / 4
        for _ in range(line_steps):
            length = slope / (_dot(curvatures, square) + stiffness).clamp_(min=1e-30) * left
            W.addcmul_(length, along, value=-1.0)
            scores.addcmul_(length, moved, value=-1.0)
            p = scores.sigmoid()
            slopes = (p - Y).mul_(S)
            curvatures = p.addcmul(p, p, value=-1.0).mul_(S)
            slope = _dot(slopes, moved) + _dot(pull, W)
            if not bool((slope.abs() > enough).logical_and_(left).any()):
                break
    return W
