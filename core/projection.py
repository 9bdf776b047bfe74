"""One layer's states as 2 or 3 coordinates per answer, for every layer of a run: PCA at once, UMAP in time.

Layers are made to look alike as far as they can: unit size, signs (PCA) or pose (UMAP) taken from the layer
before, so that a point keeps its place when the layer changes. Coordinates are for looking at: nothing is
measured on them. Each layer is kept on disk as soon as it is done.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from core.coordinates import match_pose, match_signs, principal_components, standardise, unit_size
from core.downloads import Progress, ignore_progress, replace_atomically
from core.errors import Cancelled, ProjectionError
from core.projection_values import Projection, ProjectionSettings, load_kept, packed, path_of
from core.store.runs import RunStore
from core.store.sample import draw_questions
from core.umap_worker import AFRESH, FOLLOWING, embed, result_of, submit, warm_up

__all__ = ["Projection", "ProjectionSettings", "known_projection", "pca_layer", "project_run", "warm_up"]

COMPONENTS = 50
FEWEST = 5


def project_run(
    store: RunStore,
    run: str,
    settings: ProjectionSettings,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Projection:
    """Every layer's coordinates; goes on from the layers that `known_projection` has.

    Raises:
        ProjectionError: too few answers, or UMAP failed.
        StoreError: no such run, or no states at the position.
        Cancelled: `cancelled` said so; finished layers are kept.
    """
    made = load_kept(store, run, settings, store.run(run).answers) or _empty(store, run, settings)
    path = path_of(store, made.run, settings, made.n_total)
    while not made.complete:
        layer = len(made.layers)
        if cancelled():
            raise Cancelled("the projection was cancelled: finished layers are kept")
        note = ": UMAP compiles on its first use, about half a minute" if settings.method == "umap" else ""
        progress(layer / made.planned, f"layer {layer} of {made.planned - 1}{'' if layer > 2 else note}")
        states = store.layer(made.run, settings.position, layer, made.answers)
        before = next((c for c in made.coordinates[::-1] if c.any()), None)
        made = _with_layer(made, layer, *_project(states, settings, before, cancelled))
        replace_atomically(path, packed(made))
    for old in path.parent.glob(f"{path.name.split('-')[0]}-*.npz"):
        if old != path:
            old.unlink(missing_ok=True)
    progress(1.0, "done")
    return made


def known_projection(store: RunStore, run: str, settings: ProjectionSettings) -> Projection | None:
    """The layers done so far of the run as it stands, else None; never computes. See `complete`."""
    return load_kept(store, run, settings, store.run(run).answers)


def pca_layer(store: RunStore, run: str, layer: int, settings: ProjectionSettings) -> Projection:
    """PCA of one layer alone, at once; of the kept projection where it has that layer.

    Raises:
        ProjectionError: too few answers. StoreError: no such run, layer or position.
    """
    settings = replace(settings, method="pca")
    known = known_projection(store, run, settings)
    if known is not None and layer in known.layers:
        row = known.layers.index(layer)
        explained = None if known.explained is None else known.explained[row : row + 1]
        return replace(
            known, layers=(layer,), coordinates=known.coordinates[row : row + 1], explained=explained
        )
    empty = _empty(store, run, settings)
    states = store.layer(empty.run, settings.position, layer, empty.answers)
    return _with_layer(empty, layer, *_project(states, settings, None, lambda: False))


def _project(
    states: np.ndarray,
    settings: ProjectionSettings,
    before: np.ndarray | None,
    cancelled: Callable[[], bool],
) -> tuple[np.ndarray, np.ndarray]:
    """One layer's coordinates, (answers, dimensions), and the PCA's shares of variance."""
    features = standardise(states)
    pca = settings.method == "pca"
    wanted = settings.dimensions if pca else COMPONENTS
    found, shares = principal_components(features, wanted, settings.seed)
    short = max(0, settings.dimensions - found.shape[1])
    found, shares = np.pad(found, ((0, 0), (0, short))), np.pad(shares, (0, short))
    flat = unit_size(found[:, : settings.dimensions])
    if not flat.any():
        return flat, shares[: settings.dimensions]
    if pca:
        return (flat if before is None else match_signs(flat, before)), shares
    start, steps = (flat, AFRESH) if before is None else (before, FOLLOWING)
    options = (settings.n_neighbors, settings.min_dist, settings.seed, steps)
    found = unit_size(result_of(submit(embed, found, start, *options), cancelled))
    return (found if before is None else match_pose(found, before)), shares[: settings.dimensions]


def _empty(store: RunStore, run: str, settings: ProjectionSettings) -> Projection:
    """The projection before its first layer: which answers it will hold."""
    facts = store.run(run)
    numbers = store.numbers(facts.run)
    there = store.states(facts.run).present(settings.position, numbers["answer"].to_numpy())
    there &= ~numbers["answer"].isin(store.not_finite(facts.run)).to_numpy()
    seen = numbers[there]
    drawn = draw_questions(seen, settings.limit, settings.seed)
    answers = seen.loc[seen["number"].isin(drawn), "answer"].to_numpy()
    if len(answers) < FEWEST:
        raise ProjectionError(
            f"run {facts.run} has {len(answers)} answers with a state at position {settings.position!r}: "
            f"a projection needs at least {FEWEST}"
        )
    return Projection(
        run=facts.run,
        settings=settings,
        layers=(),
        planned=facts.facts["layers"],
        answers=answers,
        coordinates=np.zeros((0, len(answers), settings.dimensions), np.float32),
        explained=np.zeros((0, settings.dimensions)) if settings.method == "pca" else None,
        n_total=len(numbers),
        n_missing=int((~there).sum()),
    )


def _with_layer(made: Projection, layer: int, found: np.ndarray, shares: np.ndarray) -> Projection:
    return replace(
        made,
        layers=(*made.layers, layer),
        coordinates=np.concatenate([made.coordinates, found[None]]),
        explained=None if made.explained is None else np.concatenate([made.explained, shares[None]]),
    )
