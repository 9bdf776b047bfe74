"""What the figures of a crossed grid hang on: their variance, divided among its factors.

The mixed model has every effect random: one for each factor, one for each two factors together where there
are three factors or more, and a residual, which holds all else (three factors together, and sampling error).
In a balanced grid each mean square estimates a known sum of components, and solving for them is the analysis
of variance estimate. A three-way interaction that is large would count for some two-way ones as well.

Source: Searle, Casella and McCulloch 1992, "Variance Components", chapter 4 (balanced data).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import prod

import numpy as np

from core.errors import ProbeError

RESIDUAL = "residual"
DRAWS = 10_000
CERTAIN = 0.95
"""The share of draws from which on the largest component is called so without a caveat."""


@dataclass(frozen=True)
class Component:
    """One part of the variance.

    Attributes:
        name: a factor, two of them joined by " × ", or `residual`.
        variance: in squared units of the values; 0 where its estimate is negative.
        variance_ci, ci: 95 %, of the variance and of the share.
        negative: whether the estimate is, as happens where a component is small.
        degrees: of freedom that the estimate stands on.
        share: of the sum of all components; NaN where all values are the same.
    """

    name: str
    variance: float
    variance_ci: tuple[float, float]
    negative: bool
    degrees: int
    share: float
    ci: tuple[float, float]


@dataclass(frozen=True)
class Decomposition:
    """All components: of factors, of pairs of factors, and the residual last.

    Attributes:
        n: values in the grid.
        left_out: factors of one level.
        largest_in: the share of draws in which the largest component is the largest.
    """

    components: tuple[Component, ...]
    n: int
    left_out: tuple[str, ...]
    largest_in: float

    @property
    def largest(self) -> Component:
        """The component that the values hang on most."""
        return max(self.components, key=lambda component: component.variance)

    def notes(self) -> list[str]:
        """What this grid cannot tell, and which estimates were set to 0."""
        said = [f"one {factor}: nothing can be said of {factor}s" for factor in self.left_out]
        if not any(" × " in component.name for component in self.components):
            said.append("two factors: what they do together cannot be told from the residual")
        if names := [component.name for component in self.components if component.negative]:
            said.append(f"estimated below 0 and set to 0: {', '.join(names)}")
        return said

    def sentence(self, sampling: float) -> str:
        """What the result hangs on most, in plain words.

        Args:
            sampling: the mean variance of one value's sampling error, in squared units of the values.
        """
        top = self.largest
        if not top.variance:
            return f"All {self.n} cells have the same AUROC: there is nothing for it to hang on."
        low, high = top.ci
        figure = (
            f"{top.share:.0%} ({low:.0%} to {high:.0%}) of the variance of logit AUROC over {self.n} cells"
        )
        if top.name == RESIDUAL:
            said = f"The largest part is left over: {figure} goes with no factor"
            said += " and no two of them." if len(self.components) > 3 else "."
        else:
            what = top.name.replace(" × ", " and the ")
            together = " together" if what != top.name else ""
            said = f"The result hangs most on the {what}{together}: {figure}."
        if self.largest_in < CERTAIN:
            said += (
                f" So few levels leave that uncertain: it is the largest in {self.largest_in:.0%} of draws."
            )
        if top.variance <= sampling:
            said += (
                f" At {top.variance:.3f} it is no larger than one cell's sampling error ({sampling:.3f}): "
                "it may be noise."
            )
        return said

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        return {
            "components": [asdict(component) for component in self.components],
            "n": self.n,
            "left_out": list(self.left_out),
            "largest": self.largest.name,
            "largest_in": self.largest_in,
        }


def decompose(
    values: np.ndarray, factors: Sequence[str], *, draws: int = DRAWS, seed: int = 0
) -> Decomposition:
    """Divide the variance of a full crossed grid among its factors.

    Intervals are parametric, for levels drawn anew: each mean square is taken for a scaled chi-squared, drawn
    again, and the components solved for. They are wide where a factor has few levels, as they must be. On
    planted normal effects those of factors and pairs held the true share in 91 to 100 % of grids; the
    residual's in 90 to 95 %, and in 74 % where four factors have two levels each. Levels that are no random
    draw, as layers are not (neighbours are alike), make them too narrow.

    Source of the intervals: Chiang 2001, "A simple general method for constructing confidence intervals for
    functions of variance components", Technometrics 43 (after Weerahandi 1993, JASA 88).

    Args:
        values: one for each cell, an axis for each factor.
        factors: the axes' names. One with one level is left out.

    Raises:
        ProbeError: a value is missing, or fewer than two factors vary.
    """
    values = np.asarray(values, dtype=np.float64)
    if missing := int((~np.isfinite(values)).sum()):
        raise ProbeError(
            f"{missing} of {values.size} values of the grid are missing: a variance is divided among crossed "
            "factors only where every cell has one"
        )
    varied = [name for name, levels in zip(factors, values.shape, strict=True) if levels > 1]
    left_out = tuple(name for name in factors if name not in varied)
    if len(varied) < 2:
        raise ProbeError(
            f"{varied[0] if varied else 'nothing'} alone varies in this grid: to say what its figures hang "
            f"on, vary two of {', '.join(factors)} or more"
        )
    grid = values.squeeze()
    terms = _terms(grid.ndim)
    mean_squares, degrees = _mean_squares(grid, terms)
    if not np.ptp(grid):
        mean_squares[:] = 0  # and not what rounding makes of it
    expected = _expected_mean_squares(grid.shape, terms)
    estimates = np.linalg.solve(expected, mean_squares)
    chi_squared = np.random.default_rng(seed).chisquare(degrees, (draws, len(terms)))
    drawn = np.maximum(np.linalg.solve(expected, (mean_squares * degrees / chi_squared).T), 0)
    found = np.maximum(estimates, 0)
    with np.errstate(invalid="ignore"):
        shares, drawn_shares = found / found.sum(), drawn / drawn.sum(axis=0)
    intervals, share_intervals = (np.quantile(of, (0.025, 0.975), axis=1).T for of in (drawn, drawn_shares))
    components = tuple(
        Component(
            name=" × ".join(varied[axis] for axis in term) if len(term) < grid.ndim else RESIDUAL,
            variance=float(found[number]),
            variance_ci=(float(intervals[number, 0]), float(intervals[number, 1])),
            negative=bool(estimates[number] < 0),
            degrees=int(degrees[number]),
            share=float(shares[number]),
            ci=(float(share_intervals[number, 0]), float(share_intervals[number, 1])),
        )
        for number, term in enumerate(terms)
    )
    largest_in = float((drawn.argmax(axis=0) == found.argmax()).mean())
    return Decomposition(components, grid.size, left_out, largest_in)


def _terms(axes: int) -> list[tuple[int, ...]]:
    """The axes of each effect: one, two where that is not all of them, and all of them for the residual."""
    sizes = (1, 2) if axes > 2 else (1,)
    return [term for size in sizes for term in combinations(range(axes), size)] + [tuple(range(axes))]


def _mean_squares(grid: np.ndarray, terms: list[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """The mean square of each term, and its degrees of freedom."""
    effects: dict[tuple[int, ...], np.ndarray] = {}
    for term in [(), *terms]:
        over = tuple(axis for axis in range(grid.ndim) if axis not in term)
        within = [effect for lower, effect in effects.items() if set(lower) < set(term)]
        effects[term] = grid.mean(axis=over, keepdims=True) - sum(within)
    degrees = [prod(grid.shape[axis] - 1 for axis in term) for term in terms[:-1]]
    degrees.append(grid.size - 1 - sum(degrees))
    squares = [grid.size / effects[term].size * float((effects[term] ** 2).sum()) for term in terms]
    return np.array(squares) / degrees, np.array(degrees)


def _expected_mean_squares(sizes: tuple[int, ...], terms: list[tuple[int, ...]]) -> np.ndarray:
    """How often each component (column) counts in each expected mean square (row)."""
    times = [prod(sizes) / prod(sizes[axis] for axis in term) for term in terms]
    counts = [[set(row) <= set(term) for term in terms] for row in terms]
    return np.array(counts) * np.array(times)
