"""The crossed grid of stored runs: their answers and states put side by side, the outcome kept."""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from core.derived import derived_path, keep_derived, load_derived
from core.downloads import Progress, ignore_progress
from core.engine.settings import HarvestSettings
from core.errors import ProbeError
from core.probes.cross_validated_of_run import standing
from core.probes.crossed import Crossed, crossed
from core.probes.crossed_rows import CrossedSettings
from core.probes.of_run import with_states
from core.store.runs import Run, RunStore

VERSION = 2
MAY_DIFFER = ("wordings", "modes", "positions", "contrast", "calibration", "calibration_per_mode", "model")
"""Settings in which two runs of one source may differ; that the model is the same is seen by its content."""


def crossed_of_runs(
    store: RunStore,
    runs: Sequence[str],
    settings: CrossedSettings,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Crossed:
    """The grid over the wordings and sources that the runs hold; at once where the same was asked before.

    A source stands for all in which its runs differ from the others': its template and examples as well.

    Args:
        runs: ids, of one model with one adapter or none.

    Raises:
        ProbeError: the runs do not fit together, or see `core.probes.crossed.crossed`.
        StoreError: no such run or position.
        Cancelled: `cancelled` said so.
    """
    records = list({record.run: record for record in map(store.run, runs)}.values())
    depends_on = [VERSION, settings, [standing(store, record.run) for record in records]]
    path = derived_path(store.cache, "crossed", depends_on)
    if (known := load_derived(path)) is not None:
        return known
    parts = [with_states(store, record.run, settings.position) for record in records]
    _check_together(records, [frame for frame, _ in parts])
    with threadpool_limits(1, user_api="blas"):
        found = crossed(
            pd.concat([frame for frame, _ in parts], ignore_index=True),
            lambda layer: np.concatenate([read(layer) for _, read in parts]),
            records[0].facts["layers"],
            settings,
            progress=progress,
            cancelled=cancelled,
        )
    keep_derived(found, path)
    return found


def _check_together(records: Sequence[Run], frames: Sequence[pd.DataFrame]) -> None:
    """Refuse runs whose cells would differ in more than wording, source, method and layer."""
    for (one, mine), (other, theirs) in combinations(zip(records, frames, strict=True), 2):
        if one.facts["model_content"] != other.facts["model_content"]:
            raise ProbeError(
                f"runs {one.run} ({_model(one)}) and {other.run} ({_model(other)}) are not of one model with "
                "one adapter: a grid crosses wordings and sources, not models"
            )
        if not (shared := set(mine["source"]) & set(theirs["source"])):
            continue
        source = min(shared)
        if twice := set(mine["wording"]) & set(theirs["wording"]):
            raise ProbeError(
                f"runs {one.run} and {other.run} both hold {source}, wording {min(twice)}: give one of them"
            )
        if unlike := _differences(one, other):
            raise ProbeError(
                f"runs {one.run} and {other.run} are both of {source} and differ in {', '.join(unlike)}, "
                "which would be taken for the wording: harvest one of them again like the other"
            )


def _differences(one: Run, other: Run) -> list[str]:
    asked, differently = (HarvestSettings.from_dict(run.settings).to_dict() for run in (one, other))
    return [name for name in asked if name not in MAY_DIFFER and asked[name] != differently[name]]


def _model(run: Run) -> str:
    adapter = run.facts["adapter"]
    return f"{run.facts['model']} with {adapter}" if adapter else run.facts["model"]
