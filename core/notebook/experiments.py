"""What runs are asked beyond a probe: lie scores, shifts, steering, a second run beside them, a report."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from core.compare.behaviour import to_frame
from core.compare.of_runs import compare_said
from core.notebook.stored import opened
from core.notebook.working import quiet_libraries, working
from core.probes.lie_score import LieScoreSettings
from core.probes.lie_score_of_run import LieScoreReport, lie_score_of_run
from core.probes.rows import ProbeSettings
from core.probes.shifts_figures import Shifts
from core.probes.shifts_of_runs import shifts_of_runs
from core.report.file import write_report as write_file
from core.steering.of_run import steer_run
from core.steering.outcome import SteerOutcome
from core.steering.settings import SteerSettings
from core.store.runs import Run


def lie_score(
    run: Run | str,
    flip_run: Run | str | None = None,
    *,
    cache: str | Path | None = None,
    show: bool = True,
    **settings: Any,
) -> LieScoreReport:
    """How far what is said departs from what is read, and what that tells apart.

    Args:
        flip_run: a run whose answers under `flip` take the place of this run's own.
        settings: of `core.probes.lie_score.LieScoreSettings`: position, layer, rule, centring, seed.

    Raises:
        ProbeError, StoreError: see `lie_score_of_run`.
    """
    store, name = opened(run, cache)
    flips = None if flip_run is None else opened(flip_run, cache)[1]
    with working(show) as tell:
        return lie_score_of_run(store, name, LieScoreSettings(**settings), flips, progress=tell)


def shifts(
    run: Run | str,
    shifted: Sequence[Run | str],
    *,
    cache: str | Path | None = None,
    show: bool = True,
    **settings: Any,
) -> Shifts:
    """What a probe of a run loses on the same test questions asked in other ways; each run judged is logged.

    Args:
        shifted: runs of the same questions in another style, template or set of examples.
        settings: of `core.probes.rows.ProbeSettings`; without a null.

    Raises:
        ProbeError, StoreError: see `shifts_of_runs`.
    """
    store, name = opened(run, cache)
    others = [opened(other, cache)[1] for other in shifted]
    asked = replace(ProbeSettings(**settings), permutations=0)
    with working(show) as tell:
        return shifts_of_runs(store, name, others, asked, progress=tell)


def steer(
    run: Run | str, layer: int, *, cache: str | Path | None = None, show: bool = True, **settings: Any
) -> SteerOutcome:
    """What a run's model says while a direction of one layer is added, projected out or patched.

    Args:
        settings: of `core.steering.settings.SteerSettings`: how, where, alphas, method, target, n, random,
            seed.

    Raises:
        ProbeError, ModelError, StoreError: see `steer_run`.
    """
    store, name = opened(run, cache)
    with working(show) as tell, quiet_libraries():
        return steer_run(store, name, SteerSettings(layer=layer, **settings), progress=tell)


def compare_runs(run: Run | str, other: Run | str, *, cache: str | Path | None = None) -> pd.DataFrame:
    """What two runs say, and the differences, each with its interval; one with itself: before pruning, after.

    Returns:
        One row a figure, with the columns of `core.compare.behaviour.to_frame`.

    Raises:
        StoreError: no such run.
    """
    store, name = opened(run, cache)
    return to_frame(compare_said(store, name, opened(other, cache)[1]).figures)


def write_report(
    run: Run | str, file: str | Path | None = None, *, cache: str | Path | None = None, show: bool = True
) -> Path:
    """All that there is to see of a run, as one HTML file; nothing is fitted, and no test set opened, for it.

    Args:
        file: by default `report-RUN.html` in the folder that one is in.

    Raises:
        StoreError: no such run, or the file cannot be written.
    """
    store, name = opened(run, cache)
    path = Path(file or f"report-{name}.html")
    with working(show) as tell:
        write_file(store, name, path, progress=tell)
    return path
