"""One probe's AUROC in two runs, layer by layer, and the difference; test questions stay closed.

Each run's probes are trained and judged on its own answers by cross-validation over the questions that are in
neither run's test set, see `core.probes.cross_validated`. The intervals cover which questions were asked, and
not another fit of the probes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.compare.estimate import Difference, Estimate, Figure, auroc_of, difference
from core.compare.pairing import Pairing
from core.downloads import Progress, ignore_progress
from core.errors import ProbeError
from core.probes.by_layer import States
from core.probes.cross_validated import FoldScores, fold_scores
from core.probes.rows import ProbeSettings
from core.probes.splits import split_groups


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two runs.

    Attributes:
        run: its id.
        frame: labelled answers (see `core.labels`); row i is row i of the states.
        states: gives one layer's states, (answers, d_model), or contrast pairs.
        layers: of the model, the embedding's among them.
    """

    run: str
    frame: pd.DataFrame
    states: States
    layers: int


@dataclass(frozen=True)
class LayersOfRun:
    """One run's figures.

    Attributes:
        by_layer: AUROC with every fold judged at one layer, for each layer.
        chosen: AUROC with each fold judged at the layer that its own validation data chose; layers: these.
        n_train: training answers of the smallest fold.
    """

    by_layer: tuple[Figure, ...]
    chosen: Figure
    layers: tuple[int, ...]
    n_train: int


@dataclass(frozen=True)
class ComparedLayers:
    """Two runs' figures.

    Attributes:
        differences: the first run's AUROC less the other's, for each layer; empty where the models have
            another number of layers, of which no two are the same.
        chosen: that of the figures at the chosen layers.
    """

    settings: ProbeSettings
    one: LayersOfRun
    other: LayersOfRun
    differences: tuple[Difference, ...]
    chosen: Difference

    def to_frame(self) -> pd.DataFrame:
        """One row a layer.

        Returns:
            Columns layer, one, one_low, one_high, the same of other, difference, low and high; NaN where a
            run has no such layer, or there is no difference.
        """
        rows = []
        for layer in range(max(len(self.one.by_layer), len(self.other.by_layer))):
            row: dict[str, float] = {"layer": layer}
            for name, run in (("one", self.one), ("other", self.other)):
                if layer < len(run.by_layer):
                    found = run.by_layer[layer]
                    row |= {name: found.value, f"{name}_low": found.ci[0], f"{name}_high": found.ci[1]}
            if self.differences:
                apart = self.differences[layer]
                row |= {"difference": apart.value, "low": apart.ci[0], "high": apart.ci[1]}
            rows.append(row)
        sides = [f"{name}{of}" for name in ("one", "other") for of in ("", "_low", "_high")]
        return pd.DataFrame(rows, columns=["layer", *sides, "difference", "low", "high"])


def compare_layers(
    one: Side,
    other: Side,
    pairing: Pairing,
    settings: ProbeSettings,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> ComparedLayers:
    """Cross-validate the same probe in both runs.

    Args:
        pairing: of the questions of both.
        settings: of the probe; its null plays no part.

    Raises:
        ProbeError: a run has too little outside of the test sets, or see `cross_validate`; says which run.
        Cancelled: `cancelled` said so.
    """
    sides = (one, other)
    clusters = [pairing.of(number, side.frame["group"]) for number, side in enumerate(sides)]
    closed = np.union1d(*(_tested(side, mine, settings) for side, mine in zip(sides, clusters, strict=True)))
    found: list[tuple[LayersOfRun, list[Estimate], Estimate]] = []
    for number, (side, mine) in enumerate(zip(sides, clusters, strict=True)):

        def show(fraction: float, what: str, begun: int = number, run: str = side.run) -> None:
            progress((begun + fraction) / 2, f"run {run}: {what}")

        rows = np.flatnonzero(~np.isin(mine, closed))
        scored = _scored(side, rows, settings, show, cancelled)
        found.append(_figures(scored, mine[rows][scored.rows], pairing.count))
    (first, first_layers, first_chosen), (second, second_layers, second_chosen) = found
    alike = one.layers == other.layers
    differences = map(difference, first_layers, second_layers) if alike else ()
    return ComparedLayers(
        settings, first, second, tuple(differences), difference(first_chosen, second_chosen)
    )


def _tested(side: Side, clusters: np.ndarray, settings: ProbeSettings) -> np.ndarray:
    """The clusters of the questions that `core.probes.of_run.probe_run` would judge with these settings."""
    groups = side.frame["group"]
    try:
        test = split_groups(groups.tolist(), side.frame["label"].tolist(), settings.seed).test
    except ProbeError as refused:
        raise ProbeError(f"run {side.run}: {refused}") from refused
    return np.unique(clusters[groups.isin(test).to_numpy()])


def _scored(
    side: Side,
    rows: np.ndarray,
    settings: ProbeSettings,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> FoldScores:
    try:
        return fold_scores(
            side.frame.iloc[rows],
            lambda layer: side.states(layer)[rows],
            side.layers,
            settings,
            progress=progress,
            cancelled=cancelled,
        )
    except ProbeError as refused:
        raise ProbeError(f"run {side.run}, questions outside of both test sets: {refused}") from refused


def _figures(
    scored: FoldScores, clusters: np.ndarray, count: int
) -> tuple[LayersOfRun, list[Estimate], Estimate]:
    by_layer = [auroc_of(scored.target, scores, clusters, count) for scores in scored.by_layer]
    chosen = auroc_of(scored.target, scored.at_chosen, clusters, count)
    figures = tuple(found.figure for found in by_layer)
    return LayersOfRun(figures, chosen.figure, scored.layers, scored.n_train), by_layer, chosen
