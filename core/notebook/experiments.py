"""What runs are asked beyond a probe: lie scores, shifts, steering, other runs beside them, a report."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.figures.files import Format
from core.notebook.commands import Found, asked
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


def compare_runs(
    run: Run | str,
    other: Run | str,
    *,
    cache: str | Path | None = None,
    show: bool = True,
    **options: Any,
) -> Found:
    """Two runs side by side, each figure's difference with its interval; one with itself: its pruning.

    Args:
        other: is subtracted from the first.
        options: of the probe of each, by the names of `telltale compare`.

    Returns:
        Parts figures (what is said: the table), probe (by layer, cross-validated; None where it cannot be
        fitted, and probe_refused says why), settings, pairing and judged.

    Raises:
        StoreError: no such run, or one without answers.
    """
    given = {"run": run, "other": other, "cache": cache, **options}
    return asked("compare", given, table="figures", show=show)


def sweep(
    runs: Sequence[Run | str], *, cache: str | Path | None = None, show: bool = True, **options: Any
) -> Found:
    """Probes for every wording × source × method × layer of some runs, and what their AUROC hangs on.

    Args:
        options: of `telltale sweep`, by their names: method (several in a list), layer_step, target …

    Returns:
        Parts cells (the table), levels, components, sentence and notes.

    Raises:
        ProbeError, StoreError: see `core.probes.crossed_of_runs.crossed_of_runs`.
    """
    return asked("sweep", {"runs": runs, "cache": cache, **options}, table="cells", show=show)


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


def write_figures(
    run: Run | str,
    folder: str | Path,
    format: Format = "png",
    *,
    cache: str | Path | None = None,
    show: bool = True,
) -> list[Path]:
    """The charts of a run's report as files, each with its data as CSV; gives the files.

    Args:
        format: `png` or `svg`, which need telltale[figures] and a Chrome or Chromium, or `html`.

    Raises:
        StoreError: no such run, an unknown format, or the folder cannot be written.
    """
    found = asked("figures", {"run": run, "folder": folder, "format": format, "cache": cache}, show=show)
    return [Path(folder) / name for name in found["files"]]
