"""A probe judged by cross-validation: each group is scored by a probe, and at a layer, that never saw it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.downloads import Progress, ignore_progress
from core.errors import Cancelled, ProbeError
from core.probes.batched import AS_SCIKIT_LEARN, fit_many
from core.probes.layer_rules import Validated, agreement_of, choose_layer
from core.probes.metrics import Area, area, auroc
from core.probes.needs import beside_labels, check_needs
from core.probes.pipeline import direction, fit_parameters, flat, make_probe
from core.probes.rows import (
    ProbeSettings,
    Rows,
    check_samples,
    dropped_from_training,
    matched_validation,
    of_mode,
    one_of_each,
    two_classes,
    validation_rows,
    with_target,
)
from core.probes.side_by_side import side_by_side
from core.probes.splits import fold_of_groups
from core.probes.spread import is_spread, over_layers

FOLDS = 5


@dataclass(frozen=True)
class CrossValidated:
    """A cross-validated figure.

    Attributes:
        area: over all groups, scores standardised within each fold.
        layers: the layer that each fold's own validation data chose.
        by_layer: the same figure with every fold judged at one layer, for each layer.
        n_train: training answers of the smallest fold.
    """

    area: Area
    layers: tuple[int, ...]
    by_layer: tuple[Area, ...]
    n_train: int

    def __repr__(self) -> str:
        low, high = self.area.ci
        return (
            f"CrossValidated: AUROC {self.area.auroc:.3f} (95 %: {low:.3f} to {high:.3f}), n "
            f"{self.area.n:,}, {self.area.positive:,} positive; each fold at a layer that its own validation "
            f"data chose: {', '.join(map(str, self.layers))}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a layer, every fold judged there: layer, auroc, low, high (95 %), n, positive."""
        return pd.DataFrame(
            [
                {
                    "layer": layer,
                    "auroc": here.auroc,
                    "low": here.ci[0],
                    "high": here.ci[1],
                    "n": here.n,
                    "positive": here.positive,
                }
                for layer, here in enumerate(self.by_layer)
            ]
        )


@dataclass(frozen=True, eq=False)
class FoldScores:
    """What five probes make of the answers that judge them: each of one that never saw its group.

    Attributes:
        rows: numbers of the answers that are judged, (n,).
        target, groups: theirs, (n,).
        by_layer: their scores at each layer, standardised within each fold, (layers, n).
        layers: that each fold's own validation data chose.
        folds: the fold of each, (n,).
        n_train: training answers of the smallest fold.
    """

    rows: np.ndarray
    target: np.ndarray
    groups: np.ndarray
    by_layer: np.ndarray
    layers: tuple[int, ...]
    folds: np.ndarray
    n_train: int

    @property
    def at_chosen(self) -> np.ndarray:
        """The scores at each fold's own layer, (n,)."""
        return self.by_layer[np.array(self.layers)[self.folds], np.arange(len(self.rows))]


def cross_validate(
    frame: pd.DataFrame,
    states: Callable[[int], np.ndarray],
    n_layers: int,
    settings: ProbeSettings,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> CrossValidated:
    """Train, choose the layer and judge five times: one fold judges, the next one chooses, the others train.

    Args:
        frame: labelled answers (see `core.labels`); row i belongs to row i of the states.
        states: gives one layer's states, (answers, d_model), or contrast pairs for methods that need such.

    Raises:
        ProbeError: a part of a fold has one class only, or its layer rule has nothing to go by.
        Cancelled: `cancelled` said so.
    """
    found = fold_scores(frame, states, n_layers, settings, progress=progress, cancelled=cancelled)
    return CrossValidated(
        area(found.target, found.at_chosen, found.groups),
        found.layers,
        tuple(area(found.target, scores, found.groups) for scores in found.by_layer),
        found.n_train,
    )


def fold_scores(
    frame: pd.DataFrame,
    states: Callable[[int], np.ndarray],
    n_layers: int,
    settings: ProbeSettings,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> FoldScores:
    """The scores that `cross_validate` judges, each answer's own; arguments and refusals are its."""
    frame = with_target(frame, settings.target).reset_index(drop=True)
    check_samples(frame, settings)
    parts = [_rows(frame, settings, number) for number in range(FOLDS)]
    target, groups = frame["target"].to_numpy(), frame["group"].to_numpy()
    pairs = [matched_validation(frame, rows) for rows in parts]
    validated: list[list[Validated]] = [[] for _ in parts]
    scores: list[np.ndarray] = []
    trains = [rows.train for rows in parts]

    def fitted(here: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return flat(here), fold_directions(frame, here, trains, settings.method, settings.target)

    def judged(made: tuple[np.ndarray, np.ndarray]) -> tuple[list[Validated], np.ndarray]:
        here, vectors = made
        chosen_by, scored = [], []
        for rows, pair, vector in zip(parts, pairs, vectors, strict=True):
            found = {mode: auroc(target[part], here[part] @ vector) for mode, part in rows.validation.items()}
            chosen_by.append(Validated(found, agreement_of(*(here[part] @ vector for part in pair))))
            scored.append(standardised(here[rows.test] @ vector))
        return chosen_by, np.concatenate(scored)

    def at_layer(layer: int, _: Callable[[], bool]) -> tuple[list[Validated], np.ndarray]:
        return judged(fitted(states(layer)))

    here_or_there = (
        over_layers(at_layer, range(n_layers), cancelled)
        if is_spread()
        else map(judged, side_by_side(fitted, map(states, range(n_layers))))
    )
    for layer, (of_folds, scored) in enumerate(here_or_there):
        if cancelled():
            raise Cancelled("the cross-validation was cancelled: nothing was kept")
        progress(layer / n_layers, f"layer {layer} of {n_layers - 1}")
        for so_far, here in zip(validated, of_folds, strict=True):
            so_far.append(here)
        scores.append(scored)
    layers = []
    for number in range(FOLDS):
        chosen = choose_layer(validated[number], settings.rule)
        if chosen is None:
            raise ProbeError(f"layer rule {settings.rule!r} has nothing to go by in fold {number + 1}")
        layers.append(chosen)
    progress(1.0, "done")
    test = np.concatenate([rows.test for rows in parts])
    folds = np.repeat(np.arange(FOLDS), [len(rows.test) for rows in parts])
    n_train = min(map(len, trains))
    return FoldScores(test, target[test], groups[test], np.array(scores), tuple(layers), folds, n_train)


def _rows(frame: pd.DataFrame, settings: ProbeSettings, number: int) -> Rows:
    """What trains, chooses and judges in one fold."""
    folds = fold_of_groups(frame["group"].tolist(), frame["label"].tolist(), FOLDS, settings.seed)
    fold = frame["group"].map(folds)
    may_train, as_drawn = one_of_each(frame)
    outcome = dropped_from_training(frame)
    usable = ~frame["dropped"].astype(bool) & frame["target"].notna()
    next_one = (number + 1) % FOLDS
    train = ~fold.isin((number, next_one)) & usable & ~outcome & may_train & of_mode(frame, settings.train)
    choosing = (fold == next_one) & usable & ~outcome & as_drawn
    rows = Rows(
        train=np.flatnonzero(train),
        validation=validation_rows(frame, choosing, settings.target),
        test=np.flatnonzero((fold == number) & usable & as_drawn & of_mode(frame, settings.test)),
        n_dropped=int((frame["dropped"].astype(bool) | outcome).sum()),
    )
    if not two_classes(frame, rows.train) or not rows.validation or not len(rows.test):
        raise ProbeError(
            f"fold {number + 1} of {FOLDS} has one class of target {settings.target!r} only, or no answers: "
            "harvest more questions"
        )
    check_needs(frame, rows.train, settings.method)
    return rows


def fold_directions(
    frame: pd.DataFrame, here: np.ndarray, trains: Sequence[np.ndarray], method: str, target: str
) -> np.ndarray:
    """The direction that each fold's training rows give, (folds, d_model); logistic ones in one solve.

    Args:
        frame: labelled answers with `target`; here: their states at one layer, (answers, d_model), or
            contrast pairs, whose directions are as `core.probes.pipeline.direction` gives them.
        trains: the row numbers that each fold trains on.
    """
    values = frame["target"].to_numpy()
    if method == "logistic":
        rows = np.unique(np.concatenate(trains))
        weights = np.array([np.isin(rows, train) for train in trains], dtype=float)
        return fit_many(here[rows], values[rows], weights, tolerance=AS_SCIKIT_LEARN).vectors
    beside = beside_labels(frame, method, target)
    found = []
    for train in trains:
        given = fit_parameters({name: of[train] for name, of in beside.items()})
        found.append(direction(make_probe(method).fit(here[train], values[train], **given))[0])
    return np.array(found)


def standardised(scores: np.ndarray) -> np.ndarray:
    """One fold's scores, (n,), so that folds of other probes can be pooled with it."""
    return (scores - scores.mean()) / max(float(scores.std()), 1e-12)
