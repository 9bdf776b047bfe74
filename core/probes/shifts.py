"""Shifts: what a probe loses when the questions that judge it are asked in another way.

A probe is trained, and its layer chosen, on one run; it is judged on that run's test questions and on the
same questions in each shifted run (another style, template, or set of examples). Then again, with half of the
shifts in training and the layer's choice, and the other half judged: so for both halves. No group is ever on
both sides, in whatever style.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from core.downloads import Progress, ignore_progress
from core.errors import Cancelled, ProbeError
from core.probes.cross_validated import fold_directions
from core.probes.layer_rules import Validated, agreement_of, choose_layer
from core.probes.methods import method_named
from core.probes.metrics import area, auroc, margin
from core.probes.needs import check_needs
from core.probes.rows import (
    ProbeSettings,
    check_classes,
    dropped_from_training,
    matched_modes,
    validation_rows,
)
from core.probes.shifts_drop import Judged, drop_between
from core.probes.shifts_figures import ALONE, ShiftFigure, Shifts, Training
from core.probes.shifts_names import halves
from core.probes.shifts_rows import NEGATED, AskedRun, ShiftRows, shift_rows


def judge_shifts(
    unshifted: AskedRun,
    shifted: Sequence[AskedRun],
    n_layers: int,
    settings: ProbeSettings,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Shifts:
    """Train on a run, and on it with either half of its shifts; judge on the same test questions everywhere.

    Args:
        n_layers: of the model, the embedding's among them.

    Raises:
        ProbeError: the runs do not fit together (see `shift_rows`), or the method or layer rule has nothing
            to go by.
        Cancelled: `cancelled` said so.
    """
    runs = [unshifted, *shifted]
    _check_polarity(runs, settings)
    rows, sets = shift_rows(unshifted, shifted, settings), _training_sets(shifted)
    trains = [_training(rows, runs, places, settings) for places in sets]
    chooses = [_validation(rows, places, settings) for places in sets]
    pairs = [_matched(rows, parts) for parts in chooses]
    target = rows.frame["target"].to_numpy()
    vectors: list[np.ndarray] = []
    validated: list[list[Validated]] = [[] for _ in sets]
    for layer in range(n_layers):
        if cancelled():
            raise Cancelled("the shifts were cancelled: nothing was kept")
        progress(layer / n_layers, f"layer {layer} of {n_layers - 1}")
        here = _states(runs, layer)
        vectors.append(fold_directions(rows.frame, here, trains, settings.method, settings.target))
        for number, parts in enumerate(chooses):
            scores = here @ vectors[layer][number]
            found = {mode: auroc(target[part], scores[part]) for mode, part in parts.items()}
            validated[number].append(
                Validated(found, agreement_of(*(scores[part] for part in pairs[number])))
            )
    progress(1.0, "intervals")
    trainings, scored = [], []
    for number, places in enumerate(sets):
        layer = _chosen(validated[number], settings.rule)
        scored.append(_states(runs, layer) @ vectors[layer][number])
        own = _judged(rows, scored[number], rows.of(rows.judges, [0]))
        trainings.append(
            Training(
                tuple(sorted({runs[place].name for place in places if place})),
                tuple(runs[place].run for place in places),
                layer,
                len(trains[number]),
                area(own.target, own.scores, own.groups),
            )
        )
    figures = [
        _figure(rows, runs[place], place, trainings[number], scored[number], scored[0], settings.seed)
        for number, places in enumerate(sets)
        for place in range(1, len(runs))
        if place not in places
    ]
    figures.sort(key=lambda figure: (figure.regime != ALONE, figure.shift, figure.run))
    pruned = rows.frame["dropped"].astype(bool) | dropped_from_training(rows.frame)
    return Shifts(settings, tuple(trainings), tuple(figures), int(pruned.sum()))


def _check_polarity(runs: Sequence[AskedRun], settings: ProbeSettings) -> None:
    """Refuse what would take a negation for the statement that its question's id names."""
    if method_named(settings.method).needs != "polarity":
        return
    if turned := [run.run for run in runs if run.style == NEGATED]:
        raise ProbeError(
            f"method {settings.method!r} knows negations by their questions, and style {NEGATED} of run "
            f"{turned[0]} turns them around: leave that run out, or choose another method"
        )


def _training_sets(shifted: Sequence[AskedRun]) -> list[list[int]]:
    """The runs that train each probe, by place: the unshifted run alone, then with either half."""
    names = [run.name for run in shifted]
    if len(set(names)) < 2:
        return [[0]]
    return [
        [0],
        *([0, *(n for n, name in enumerate(names, start=1) if name in half)] for half in halves(names)),
    ]


def _training(
    rows: ShiftRows, runs: Sequence[AskedRun], places: Sequence[int], settings: ProbeSettings
) -> np.ndarray:
    """The rows that train one probe."""
    for place in places:
        if not len(rows.of(rows.trains, [place])):
            raise ProbeError(
                f"run {runs[place].run} has no training answers in mode {settings.train}: leave it out, or "
                "train on a mode that all runs have"
            )
    train = rows.of(rows.trains, places)
    check_classes(rows.frame, train, f"training answers in mode {settings.train}", settings.target)
    check_needs(rows.frame, train, settings.method)
    return train


def _validation(rows: ShiftRows, places: Sequence[int], settings: ProbeSettings) -> dict[str, np.ndarray]:
    """The rows that choose one probe's layer, by mode."""
    here = rows.frame["place"].isin(list(places)) & rows.chooses
    parts = validation_rows(rows.frame, here, settings.target)
    if not parts:
        raise ProbeError(f"no validation answers of both classes are left for target {settings.target!r}")
    return parts


def _matched(rows: ShiftRows, parts: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    empty = np.array([], dtype=int)
    return matched_modes(rows.frame, parts.get("honest", empty), parts.get("lie", empty))


def _states(runs: Sequence[AskedRun], layer: int) -> np.ndarray:
    return np.concatenate([run.states(layer) for run in runs])


def _chosen(validated: list[Validated], rule: str) -> int:
    layer = choose_layer(validated, rule)
    if layer is None:
        raise ProbeError(f"layer rule {rule!r} has nothing to go by in these runs: choose another rule")
    return layer


def _judged(rows: ShiftRows, scores: np.ndarray, part: np.ndarray) -> Judged:
    """Some rows' answers as they are judged; scores: of all rows."""
    here = rows.frame.iloc[part]
    target, group, asked = (here[name].to_numpy() for name in ("target", "group", "asked"))
    return Judged(target, scores[part], group, asked)


def _figure(
    rows: ShiftRows,
    run: AskedRun,
    place: int,
    training: Training,
    scores: np.ndarray,
    alone: np.ndarray,
    seed: int,
) -> ShiftFigure:
    """A shifted run judged by one probe.

    Args:
        scores, alone: of all rows, by that probe and by the one of the unshifted run alone.
    """
    first, second = (_judged(rows, scores, part) for part in rows.judged_together(place))
    before = _judged(rows, alone, rows.judged_together(place)[1])
    return ShiftFigure(
        run.name,
        run.run,
        training,
        area(second.target, second.scores, second.groups),
        area(first.target, first.scores, first.groups),
        drop_between(first, second, seed),
        margin(second.target, second.scores, before.scores, second.groups) if training.shifts else None,
    )
