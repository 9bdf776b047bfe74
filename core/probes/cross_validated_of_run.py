"""Cross-validation of a probe on a stored run: on all of its questions, or on those outside the test set."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.derived import derived_path, keep_derived, load_derived
from core.downloads import Progress, ignore_progress
from core.probes.cross_validated import CrossValidated, cross_validate
from core.probes.of_run import drops_of, states_for
from core.probes.rows import ProbeSettings
from core.probes.splits import split_groups
from core.store.decisions import DecisionStore
from core.store.runs import RunStore

VERSION = 4


def cross_validated_run(
    store: RunStore,
    run: str,
    settings: ProbeSettings,
    *,
    sealed: bool = False,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> CrossValidated:
    """A run's own cross-validated figure; at once where the same was asked before.

    Args:
        sealed: leave out the groups that `core.probes.of_run.probe_run` would judge with these settings, so
            that trying settings out does not use its test set up.

    Raises:
        ProbeError, StoreError, Cancelled: see `cross_validate`.
    """
    record = store.run(run)
    path = _path(store, run, settings, sealed)
    if (known := load_derived(path)) is not None:
        return known
    frame, states = states_for(store, record.run, settings)
    rows = np.arange(len(frame))
    if sealed:
        test = split_groups(frame["group"].tolist(), frame["label"].tolist(), settings.seed).test
        rows = np.flatnonzero(~frame["group"].isin(test))
    found = cross_validate(
        frame.iloc[rows],
        lambda layer: states(layer)[rows],
        record.facts["layers"],
        settings,
        progress=progress,
        cancelled=cancelled,
    )
    keep_derived(found, path)
    return found


def known_cross_validated(
    store: RunStore, run: str, settings: ProbeSettings, *, sealed: bool = False
) -> CrossValidated | None:
    """The figure where it was made before, else None; never computes."""
    return load_derived(_path(store, run, settings, sealed))


def standing(store: RunStore, run: str) -> tuple:
    """What a run's figures depend on: its answers so far, the decisions about them, the belief margin."""
    return run, store.run(run).answers, drops_of(store, run), DecisionStore(store.cache).margin(run)


def _path(store: RunStore, run: str, settings: ProbeSettings, sealed: bool) -> Path:
    parts = [VERSION, settings.without_null(), standing(store, store.run(run).run), sealed]
    return derived_path(store.cache, "cross_validated", parts)
