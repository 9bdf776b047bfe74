"""A probe on stored runs: answers, decisions and states brought together, the outcome memoised by joblib."""

from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import joblib
import pandas as pd
from threadpoolctl import threadpool_limits

from core.derived import derived_path, keep_derived, load_derived
from core.downloads import Progress, ignore_progress
from core.errors import ProbeError
from core.labels_of_run import labelled
from core.models.catalog import of_one_model
from core.own_report.of_probe import with_own_report
from core.probes.by_layer import ProbeReport, States, run_probe
from core.probes.contrast_of_run import check_alike, contrast_pairs
from core.probes.metrics import Area, area
from core.probes.rows import BOTH, CONTRAST, ProbeSettings
from core.probes.words_of_run import words_of_run
from core.pruning.rules import not_finite
from core.store.decisions import DecisionStore
from core.store.judgements import JudgementStore, LoggedJudgement
from core.store.runs import Run, RunStore

VERSION = 11


def with_states(
    store: RunStore, run: str, position: str, pruned: bool = True, test_pruned: bool = True
) -> tuple[pd.DataFrame, States]:
    """The labelled answers that have a state at a position, and a reader of their states by layer.

    Raises:
        ProbeError: there are none, or the position is that of contrast pairs, which `states_for` reads.
    """
    if position == CONTRAST:
        raise ProbeError(
            "contrast pairs are read by `telltale probe` and `telltale transfer` alone: choose a method that "
            "reads one state of an answer"
        )
    frame = labelled(store, run, pruned, test_pruned)
    rows = frame["answer"].to_numpy()
    if len(frame):
        there = store.states(run).present(position, rows) & ~not_finite(frame).to_numpy()
        frame = frame[there].reset_index(drop=True)
    if not len(frame):
        raise ProbeError(f"run {run} has no answers with a state at position {position!r} yet")
    kept = frame["answer"].to_numpy()
    return frame, lambda layer: store.layer(run, position, layer, kept)


def states_for(
    store: RunStore, run: str, settings: ProbeSettings, pruned: bool = True, test_pruned: bool = True
) -> tuple[pd.DataFrame, States]:
    """What a probe of these settings learns from and is judged on: states at its position, or contrast pairs.

    Raises:
        ProbeError: the run has none; says what to do.
    """
    if settings.position != CONTRAST:
        return with_states(store, run, settings.position, pruned, test_pruned)
    frame = labelled(store, run, pruned, test_pruned)
    return contrast_pairs(store, store.run(run), frame, settings.method)


def probe_run(
    store: RunStore,
    run: str,
    settings: ProbeSettings,
    *,
    test_run: str | None = None,
    pruned: bool = True,
    test_pruned: bool = True,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> ProbeReport:
    """The probe's report on a run; at once where the same was asked before of the same answers and decisions.

    Each configuration that is judged is logged, see `core.store.judgements`. What the model reports of its
    own answers is laid over the report, where it was asked.

    Args:
        test_run: another run to be judged on.
        pruned: lay the decisions over the answers; False shows what it would be without them.
        test_pruned: False prunes training data alone, whatever the decisions reach.

    Raises:
        ProbeError, StoreError: see `run_probe` and `RunStore`.
    """
    path = report_path(store, run, settings, test_run, pruned, test_pruned)
    if (known := load_derived(path)) is not None:
        return with_own_report(store, known, run, test_run or run)
    trained, other_run = store.run(run), store.run(test_run or run)
    _check_mode(trained, settings.train)
    _check_mode(other_run, settings.test)
    _check_same_model(trained, other_run)
    check_alike(trained, other_run, settings.method)
    frame, states = states_for(store, run, settings, pruned, test_pruned)
    other = states_for(store, test_run, settings, pruned, test_pruned) if test_run else None
    # Thousands of fits of a hundred rows: handing each to several threads costs more than it saves.
    with threadpool_limits(1, user_api="blas"):
        report = run_probe(
            frame,
            states,
            trained.facts["layers"],
            settings,
            test_frame=other[0] if other else None,
            test_states=other[1] if other else None,
            words=words_of_run(store.cache, trained),
            progress=progress,
            cancelled=cancelled,
        )
    JudgementStore(store.cache).add(
        LoggedJudgement(
            other_run.run,
            configuration_of(store, run, settings, test_run, pruned, test_pruned),
            trained.run,
            in_words(settings, pruned, test_pruned),
            report.chosen.test.auroc,
        )
    )
    keep_derived(report, path)
    return with_own_report(store, report, trained.run, other_run.run)


def in_words(settings: ProbeSettings, pruned: bool = True, test_pruned: bool = True) -> str:
    """A configuration as one line, for the log of what a test set has judged."""
    s = settings
    pruning = "" if pruned and test_pruned else ", training pruned alone" if pruned else ", not pruned"
    return (
        f"{s.method} of {s.target} at {s.position}, {s.train} to {s.test}, layer by {s.rule}, "
        f"seed {s.seed}{pruning}"
    )


def _check_mode(run: Run, mode: str) -> None:
    known = run.settings["modes"]
    if mode != BOTH and mode not in known:
        raise ProbeError(f"run {run.run} has no mode {mode!r}: choose {', '.join(known)} or {BOTH}")


def _check_same_model(trained: Run, judged: Run) -> None:
    """Another adapter may be judged (as a liar is); another model may not: its states mean other things."""
    if not of_one_model(trained.facts, judged.facts):
        raise ProbeError(
            f"run {trained.run} is of {trained.facts['model']} and run {judged.run} of "
            f"{judged.facts['model']}: a probe can only be judged on runs of its own model"
        )


def known_report(
    store: RunStore,
    run: str,
    settings: ProbeSettings,
    test_run: str | None = None,
    pruned: bool = True,
    test_pruned: bool = True,
) -> ProbeReport | None:
    """The report of a probe where it is kept, else None; never computes, so that no test set is opened."""
    found = load_derived(report_path(store, run, settings, test_run, pruned, test_pruned))
    return None if found is None else with_own_report(store, found, run, test_run or run)


def area_among(report: ProbeReport, frame: pd.DataFrame) -> Area | None:
    """The AUROC of a report's test scores among some of its run's answers; None where a class is missing.

    Args:
        frame: answer and group of those that count: left after pruning, or about what the model knows.
    """
    part = report.predictions.merge(frame[["answer", "group"]], on="answer")
    if part["target"].nunique() < 2:
        return None
    return area(part["target"].to_numpy(), part["score"].to_numpy(), part["group"].to_numpy())


def report_path(
    store: RunStore,
    run: str,
    settings: ProbeSettings,
    test_run: str | None,
    pruned: bool = True,
    test_pruned: bool = True,
) -> Path:
    """Where a report is kept: its name is the hash of all that it depends on.

    Thousands of decisions are read and hashed once, not each time that a page asks whether a report is there.
    """
    decisions = DecisionStore(store.cache)
    stands = tuple(
        (name, store.run(name).answers, decisions.version(name)) for name in (run, test_run) if name
    )
    return _report_path(store.cache, VERSION, stands, run, settings, test_run, pruned, test_pruned)


@lru_cache(maxsize=256)
def _report_path(
    cache: Path,
    version: int,
    stands: tuple,
    run: str,
    settings: ProbeSettings,
    test_run: str | None,
    pruned: bool,
    test_pruned: bool,
) -> Path:
    """The path for runs and decisions as they stand: `stands` is another wherever one of them is."""
    standing = _standing(RunStore(cache), run, settings, test_run, pruned, test_pruned)
    return derived_path(cache, "probes", [version, settings, standing])


def configuration_of(
    store: RunStore,
    run: str,
    settings: ProbeSettings,
    test_run: str | None,
    pruned: bool = True,
    test_pruned: bool = True,
) -> str:
    """The hash of all that a test figure depends on: not the version of Telltale, and not the null."""
    standing = _standing(store, run, settings, test_run, pruned, test_pruned)
    return joblib.hash([asdict(settings.without_null()), standing])


def _standing(
    store: RunStore,
    run: str,
    settings: ProbeSettings,
    test_run: str | None,
    pruned: bool,
    test_pruned: bool,
) -> list[tuple]:
    """What a report depends on besides its settings: each run's answers, decisions and belief margin."""
    parts = []
    for name in (run, test_run):
        if name:
            drops = drops_of(store, name, test_pruned) if pruned else []
            record = store.run(name)
            believed = settings.target == "lie" or record.settings["samples"] > 1  # best of n rests on belief
            margin = DecisionStore(store.cache).margin(name) if believed else None
            parts.append((record.run, record.answers, drops, margin))
    return parts


def drops_of(store: RunStore, run: str, test_pruned: bool = True) -> list[tuple[int, bool]]:
    """The answers of a run that people dropped, and whether each drop reaches test data."""
    standing = DecisionStore(store.cache).current(run).values()
    return sorted((d.answer, d.reaches_test and test_pruned) for d in standing if d.action == "drop")
