"""Two stored runs side by side, or one before and after pruning: answers and states brought together.

One run with itself is compared as it is after pruning (the first) with what it would be without any decision
(the other), as `core.pruning.effect` has it: rates count what was dropped for its outcome, and both probes
are judged on the whole, dropped answers among it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from core.compare.behaviour import Compared, compare_behaviour
from core.compare.layers import ComparedLayers, Side, compare_layers
from core.compare.pairing import Pairing, pair_questions
from core.derived import derived_path, keep_derived, load_derived
from core.downloads import Progress, ignore_progress
from core.errors import ProbeError, StoreError
from core.labels_of_run import labelled
from core.probes.cross_validated_of_run import standing
from core.probes.of_run import states_for
from core.probes.rows import BOTH, ProbeSettings
from core.store.runs import Run, RunStore

VERSION = 1


@dataclass(frozen=True, eq=False)
class SaidBeside:
    """What two runs say: their questions put together, and each figure of both with its difference."""

    pairing: Pairing
    figures: list[Compared]


def compare_said(store: RunStore, run: str, other: str) -> SaidBeside:
    """What two runs say, mode by mode; of one run with itself after and before pruning.

    Raises:
        StoreError: no such run, or one without answers.
    """
    one, two = store.run(run), store.run(other)
    return beside(labelled(store, one.run), labelled(store, two.run, pruned=one.run != two.run), one, two)


def beside(frame: pd.DataFrame, other_frame: pd.DataFrame, run: Run, other: Run) -> SaidBeside:
    """As `compare_said`, of labelled answers that are at hand.

    Raises:
        StoreError: a run has no answers.
    """
    for record, answers in ((run, frame), (other, other_frame)):
        if answers.empty:
            raise StoreError(f"run {record.run} has no answers yet: there is nothing to compare")
    pairing = pair_questions(frame, other_frame)
    return SaidBeside(pairing, compare_behaviour(frame, other_frame, pairing))


def compare_probes(
    store: RunStore,
    run: str,
    other: str,
    settings: ProbeSettings,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> ComparedLayers:
    """A probe of each run, layer by layer; at once where the same was asked before.

    No test question is judged, see `core.compare.layers`.

    Raises:
        ProbeError: a run lacks the mode, or see `core.compare.layers.compare_layers`.
        StoreError: no such run or position.
        Cancelled: `cancelled` said so.
    """
    one, two = store.run(run), store.run(other)
    path = _path(store, one, two, settings)
    if (known := load_derived(path)) is not None:
        return known
    for record in (one, two):
        _check_modes(record, settings)
    itself = one.run == two.run
    first = Side(one.run, *states_for(store, one.run, settings, test_pruned=not itself), one.facts["layers"])
    second = Side(two.run, *states_for(store, two.run, settings, pruned=not itself), two.facts["layers"])
    with threadpool_limits(1, user_api="blas"):
        pairing = pair_questions(first.frame, second.frame)
        found = compare_layers(first, second, pairing, settings, progress=progress, cancelled=cancelled)
    keep_derived(found, path)
    return found


def known_compared_probes(
    store: RunStore, run: str, other: str, settings: ProbeSettings
) -> ComparedLayers | None:
    """The figures where they were made before, else None; never computes."""
    return load_derived(_path(store, store.run(run), store.run(other), settings))


def _check_modes(run: Run, settings: ProbeSettings) -> None:
    for mode in (settings.train, settings.test):
        if mode != BOTH and mode not in run.settings["modes"]:
            known = ", ".join(run.settings["modes"])
            raise ProbeError(f"run {run.run} has no mode {mode!r}: choose {known} or {BOTH}")


def _path(store: RunStore, one: Run, two: Run, settings: ProbeSettings) -> Path:
    stands = [standing(store, record.run) for record in (one, two)]
    return derived_path(store.cache, "compared", [VERSION, settings.without_null(), stands])
