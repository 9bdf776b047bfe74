"""Transfer: a probe trained on each of several runs, judged on every one of them.

Off the diagonal a probe is judged on the other run's answers, without the groups (and near-duplicates) that
its training or layer choice saw. On the diagonal it is cross-validated within its own run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pandas as pd

from core.derived import derived_path, keep_derived, load_derived
from core.downloads import Progress, ignore_progress
from core.errors import ProbeError
from core.probes.cross_validated_of_run import cross_validated_run, standing
from core.probes.metrics import Area
from core.probes.of_run import probe_run
from core.probes.rows import BOTH, ProbeSettings
from core.store.runs import RunStore

VERSION = 2


@dataclass(frozen=True)
class TransferCell:
    """One entry of the matrix.

    Attributes:
        trained, judged: runs. mode: of the answers that judge.
        layers: the layer chosen; one for each fold on the diagonal.
        area: None where the cell cannot be had, and `why` says why.
    """

    trained: str
    judged: str
    mode: str
    layers: tuple[int, ...] = ()
    n_train: int = 0
    area: Area | None = None
    why: str = ""


def transfer(
    store: RunStore,
    runs: Sequence[str],
    settings: ProbeSettings,
    modes: Sequence[str],
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[TransferCell]:
    """The whole matrix, row by row; what was computed before is found again.

    Args:
        runs: ids, of one model with or without adapters.
        settings: of every probe; its test mode is not looked at.
        modes: to judge on.

    Raises:
        StoreError: no such run.
        Cancelled: `cancelled` said so.
    """
    ids = [store.run(run).run for run in runs]
    if (known := known_transfer(store, ids, settings, modes)) is not None:
        return known
    cells = list(product(ids, ids, modes))
    found = []
    for number, (trained, judged, mode) in enumerate(cells):

        def show(fraction: float, what: str, done: int = number) -> None:
            progress((done + fraction) / len(cells), f"{done + 1} of {len(cells)}: {what}")

        asked = replace(settings, test=mode, permutations=0)
        try:
            found.append(_cell(store, trained, judged, asked, show, cancelled))
        except ProbeError as error:
            found.append(TransferCell(trained, judged, mode, why=str(error)))
    keep_derived(found, _matrix_path(store, ids, settings, modes))
    progress(1.0, "done")
    return found


def known_transfer(
    store: RunStore, runs: Sequence[str], settings: ProbeSettings, modes: Sequence[str]
) -> list[TransferCell] | None:
    """The matrix where it was computed before, else None; never computes."""
    return load_derived(_matrix_path(store, [store.run(run).run for run in runs], settings, modes))


def to_frame(cells: Sequence[TransferCell]) -> pd.DataFrame:
    """One row a cell: trained, judged, mode, layers, n_train, auroc, low, high, n, positive, why."""
    rows = []
    for cell in cells:
        row: dict[str, object] = {"trained": cell.trained, "judged": cell.judged, "mode": cell.mode}
        row |= {"layers": " ".join(map(str, cell.layers)), "n_train": cell.n_train}
        if cell.area is not None:
            low, high = cell.area.ci
            row |= {"auroc": cell.area.auroc, "low": low, "high": high}
            row |= {"n": cell.area.n, "positive": cell.area.positive}
        rows.append(row | {"why": cell.why})
    columns = [
        "trained",
        "judged",
        "mode",
        "layers",
        "n_train",
        "auroc",
        "low",
        "high",
        "n",
        "positive",
        "why",
    ]
    return pd.DataFrame(rows, columns=columns)


def _cell(
    store: RunStore,
    trained: str,
    judged: str,
    settings: ProbeSettings,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> TransferCell:
    if trained == judged:
        own = cross_validated_run(store, trained, settings, progress=progress, cancelled=cancelled)
        return TransferCell(trained, judged, settings.test, own.layers, own.n_train, own.area)
    report = probe_run(store, trained, settings, test_run=judged, progress=progress, cancelled=cancelled)
    return TransferCell(trained, judged, settings.test, (report.layer,), report.n_train, report.chosen.test)


def _matrix_path(store: RunStore, runs: Sequence[str], settings: ProbeSettings, modes: Sequence[str]) -> Path:
    asked = replace(settings, test=BOTH, permutations=0)
    parts = [VERSION, asked, list(modes), [standing(store, run) for run in runs]]
    return derived_path(store.cache, "transfer", parts)
