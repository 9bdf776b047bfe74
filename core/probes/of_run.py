"""A probe on stored runs: answers, decisions and states brought together, the outcome memoised by joblib."""

from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from core.downloads import Progress, ignore_progress
from core.errors import ProbeError
from core.labels import label_answers
from core.probes.rows import BOTH, ProbeSettings
from core.probes.sweep import ProbeReport, States, run_probe
from core.store.decisions import DecisionStore
from core.store.runs import Run, RunStore

VERSION = 3


def labelled(store: RunStore, run: str, pruned: bool = True) -> pd.DataFrame:
    """A run's answers with labels, flags and (where `pruned`) a person's decisions laid over them."""
    made = DecisionStore(store.cache).current(run) if pruned else {}
    return label_answers(store.answers(run), made)


def with_states(store: RunStore, run: str, position: str, pruned: bool = True) -> tuple[pd.DataFrame, States]:
    """The labelled answers that have a state at a position, and a reader of their states by layer.

    Raises:
        ProbeError: there are none.
    """
    frame = labelled(store, run, pruned)
    rows = frame["answer"].to_numpy()
    if len(frame):
        there = ~np.isnan(store.layer(run, position, 0, rows)[:, 0])
        frame = frame[there].reset_index(drop=True)
    if not len(frame):
        raise ProbeError(f"run {run} has no answers with a state at position {position!r} yet")
    kept = frame["answer"].to_numpy()
    return frame, lambda layer: store.layer(run, position, layer, kept)


def probe_run(
    store: RunStore,
    run: str,
    settings: ProbeSettings,
    *,
    test_run: str | None = None,
    pruned: bool = True,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> ProbeReport:
    """The probe's report on a run; at once where the same was asked before of the same answers and decisions.

    Args:
        test_run: another run to be judged on.
        pruned: lay the decisions over the answers; False shows what it would be without them.

    Raises:
        ProbeError, StoreError: see `run_probe` and `RunStore`.
    """
    path = report_path(store, run, settings, test_run, pruned)
    if path.is_file():
        try:
            return joblib.load(path)
        except Exception:  # a derived result that cannot be read is rebuilt
            path.unlink(missing_ok=True)
    trained, judged = store.run(run), store.run(test_run or run)
    _check_mode(trained, settings.train)
    _check_mode(judged, settings.test)
    _check_same_model(trained, judged)
    frame, states = with_states(store, run, settings.position, pruned)
    other = with_states(store, test_run, settings.position, pruned) if test_run else None
    # Thousands of fits of a hundred rows: handing each to several threads costs more than it saves.
    with threadpool_limits(1, user_api="blas"):
        report = run_probe(
            frame,
            states,
            trained.facts["layers"],
            settings,
            test_frame=other[0] if other else None,
            test_states=other[1] if other else None,
            progress=progress,
            cancelled=cancelled,
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(report, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    return report


def _check_mode(run: Run, mode: str) -> None:
    known = run.settings["modes"]
    if mode != BOTH and mode not in known:
        raise ProbeError(f"run {run.run} has no mode {mode!r}: choose {', '.join(known)} or {BOTH}")


def _check_same_model(trained: Run, judged: Run) -> None:
    """Another adapter may be judged (as a liar is); another model may not: its states mean other things."""
    if any(trained.facts[fact] != judged.facts[fact] for fact in ("model", "layers", "d_model")):
        raise ProbeError(
            f"run {trained.run} is of {trained.facts['model']} and run {judged.run} of "
            f"{judged.facts['model']}: a probe can only be judged on runs of its own model"
        )


def known_report(
    store: RunStore, run: str, settings: ProbeSettings, test_run: str | None = None, pruned: bool = True
) -> ProbeReport | None:
    """The report where it was made before, else None; never computes."""
    if not report_path(store, run, settings, test_run, pruned).is_file():
        return None
    return probe_run(store, run, settings, test_run=test_run, pruned=pruned)


def report_path(
    store: RunStore, run: str, settings: ProbeSettings, test_run: str | None, pruned: bool = True
) -> Path:
    """Where a report is kept: its name is the hash of all that it depends on."""
    parts: list[object] = [VERSION, settings]
    for name in (run, test_run):
        if name:
            standing = DecisionStore(store.cache).current(name) if pruned else {}
            made = sorted((d.answer, d.action, d.reason) for d in standing.values())
            parts.append((store.run(name).run, store.run(name).answers, made))
    return store.cache / "derived" / "probes" / f"{joblib.hash(parts)}.joblib"
