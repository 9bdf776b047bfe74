"""The crossed grid: one cross-validated AUROC for each wording × source × method × layer.

A cell's probe is trained and judged on answers under its own wording to questions of its own source, so that
nothing but the cell's own four levels is in its figure. No layer is chosen: the layer is a factor. Five folds
by group; each group is scored by a probe trained on the other four.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from core.downloads import Progress, ignore_progress
from core.errors import Cancelled
from core.probes.cross_validated import fold_directions, standardised
from core.probes.crossed_rows import CrossedSettings, folds_of_cells
from core.probes.metrics import Area, Z, area
from core.probes.rows import check_samples, dropped_from_training, with_target
from core.probes.spread import over_layers
from core.probes.variance import Decomposition, decompose

FACTORS = ("wording", "source", "method", "layer")


@dataclass(frozen=True)
class CrossedCell:
    """One figure of the grid.

    Attributes:
        area: over all groups, scores standardised within each fold.
        n_train: training answers of the smallest fold.
    """

    wording: int
    source: str
    method: str
    layer: int
    area: Area
    n_train: int

    @property
    def logit(self) -> float:
        """Logit of the AUROC, which is kept 1/(2n) away from 0 and 1."""
        return _logit(min(max(self.area.auroc, self._edge), 1 - self._edge))

    @property
    def clipped(self) -> bool:
        """Whether the AUROC is nearer to 0 or 1 than that."""
        return not self._edge <= self.area.auroc <= 1 - self._edge

    @property
    def sampling_variance(self) -> float:
        """The variance of logit AUROC that its interval amounts to, by the end on the side of 0.5."""
        low, high = self.area.ci
        value = self.logit if self.area.auroc in (0.0, 1.0) else _logit(self.area.auroc)
        return ((value - _logit(low if value >= 0 else high)) / Z) ** 2

    @property
    def _edge(self) -> float:
        return 1 / (2 * self.area.n)


@dataclass(frozen=True)
class Crossed:
    """A full grid.

    Attributes:
        cells: one for each combination of the levels.
        n_dropped: answers that people pruned.
    """

    settings: CrossedSettings
    cells: tuple[CrossedCell, ...]
    n_dropped: int

    def levels(self) -> dict[str, list]:
        """The levels of each factor, in the order of `FACTORS`."""
        return {
            factor: list(dict.fromkeys(getattr(cell, factor) for cell in self.cells)) for factor in FACTORS
        }

    def decomposition(self) -> Decomposition:
        """The variance of logit AUROC, divided among the factors.

        Raises:
            ProbeError: fewer than two factors vary.
        """
        levels = self.levels().values()
        logits = {(cell.wording, cell.source, cell.method, cell.layer): cell.logit for cell in self.cells}
        values = np.array([logits[place] for place in product(*levels)])
        return decompose(values.reshape([len(of) for of in levels]), FACTORS, seed=self.settings.seed)

    @property
    def sampling_variance(self) -> float:
        """The mean sampling variance of a cell's logit AUROC; of the answers judged, not of refitting.

        It stands beside the residual, but is not all in there: cells of one source are judged on the same
        questions, and the error that they share counts as the source's.
        """
        return float(np.mean([cell.sampling_variance for cell in self.cells]))

    @property
    def at_chance(self) -> int:
        """How many cells' intervals contain 0.5."""
        return sum(cell.area.ci[0] <= 0.5 <= cell.area.ci[1] for cell in self.cells)

    def sentence(self) -> str:
        """What the result hangs on most, in plain words, and whether there is one.

        Raises:
            ProbeError: see `decomposition`.
        """
        said = self.decomposition().sentence(self.sampling_variance)
        if 2 * self.at_chance < len(self.cells):
            return said
        return f"{said} In {self.at_chance} of the cells the interval of AUROC contains 0.5, which is chance."

    @property
    def clipped(self) -> int:
        """How many cells' AUROCs were moved away from 0 or 1."""
        return sum(cell.clipped for cell in self.cells)

    def to_frame(self) -> pd.DataFrame:
        """One row a cell: the factors, auroc, low, high, n, positive, n_train, logit, sampling_variance."""
        rows = []
        for cell in self.cells:
            row: dict[str, object] = {factor: getattr(cell, factor) for factor in FACTORS}
            low, high = cell.area.ci
            row |= {"auroc": cell.area.auroc, "low": low, "high": high, "n": cell.area.n}
            row |= {"positive": cell.area.positive, "n_train": cell.n_train}
            rows.append(row | {"logit": cell.logit, "sampling_variance": cell.sampling_variance})
        return pd.DataFrame(rows)


def crossed(
    frame: pd.DataFrame,
    states: Callable[[int], np.ndarray],
    n_layers: int,
    settings: CrossedSettings,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Crossed:
    """Judge every cell, or refuse before the first where one cannot be had.

    Args:
        frame: labelled answers (see `core.labels`) of all sources; row i is row i of the states.
        states: gives one layer's states, (answers, d_model).
        n_layers: of the model, the embedding's among them.

    Raises:
        ProbeError: a cell is missing, or has one class only; says which.
        Cancelled: `cancelled` said so.
    """
    frame = with_target(frame, settings.target).reset_index(drop=True)
    check_samples(frame, settings.probe(settings.methods[0]))
    layers, parts = settings.layers(n_layers), folds_of_cells(frame, settings)
    target, groups = frame["target"].to_numpy(), frame["group"].to_numpy()

    def at_layer(layer: int, cancelled: Callable[[], bool]) -> list[CrossedCell]:
        here, made = states(layer), []
        for (source, wording), folds in parts.items():
            _check(cancelled)
            test = np.concatenate([fold.test for fold in folds])
            n_train = min(len(fold.train) for fold in folds)
            for method in settings.methods:
                trains = [fold.train for fold in folds]
                vectors = fold_directions(frame, here, trains, method, settings.target)
                scores = [standardised(here[f.test] @ v) for f, v in zip(folds, vectors, strict=True)]
                found = area(target[test], np.concatenate(scores), groups[test])
                made.append(CrossedCell(wording, source, method, layer, found, n_train))
        return made

    def before(layer: int) -> None:
        _check(cancelled)
        progress(layers.index(layer) / len(layers), f"layer {layer} of {n_layers - 1}")

    cells = [cell for made in over_layers(at_layer, layers, cancelled, before) for cell in made]
    progress(1.0, "done")
    pruned = frame["dropped"].astype(bool) | dropped_from_training(frame)
    return Crossed(settings, tuple(cells), int(pruned.sum()))


def _check(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("the sweep was cancelled: nothing was kept")


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
