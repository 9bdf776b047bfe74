"""The shifts of stored runs: answers and states brought together, judgements logged, the outcome kept."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import joblib
from threadpoolctl import threadpool_limits

from core.derived import derived_path, keep_derived, load_derived
from core.downloads import Progress, ignore_progress
from core.errors import ProbeError
from core.probes.cross_validated_of_run import standing
from core.probes.of_run import configuration_of, in_words, with_states
from core.probes.rows import ProbeSettings
from core.probes.shifts import judge_shifts
from core.probes.shifts_figures import Shifts, Training
from core.probes.shifts_names import UNCHANGED, shift_name
from core.probes.shifts_rows import AskedRun
from core.store.judgements import JudgementStore, LoggedJudgement
from core.store.runs import Run, RunStore

VERSION = 2


def shifts_of_runs(
    store: RunStore,
    run: str,
    shifted: Sequence[str],
    settings: ProbeSettings,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Shifts:
    """What a probe of a run loses on its shifts; at once where the same was asked before.

    Each run that is judged is logged, see `core.store.judgements`.

    Args:
        run: the unshifted run, by id.
        shifted: runs of the same questions by the same model; their order does not matter.
        settings: of the probe, without a null.

    Raises:
        ProbeError: the runs are not of one model, or see `core.probes.shifts.judge_shifts`.
        StoreError: no such run or position.
        Cancelled: `cancelled` said so.
    """
    unshifted, others = _records(store, run, shifted)
    path = _path(store, unshifted, others, settings)
    if (known := load_derived(path)) is not None:
        return known
    for other in others:
        _check_like(unshifted, other)
    with threadpool_limits(1, user_api="blas"):
        found = judge_shifts(
            _asked(store, unshifted, unshifted, settings.position),
            [_asked(store, unshifted, other, settings.position) for other in others],
            unshifted.facts["layers"],
            settings,
            progress=progress,
            cancelled=cancelled,
        )
    _log(store, unshifted, found)
    keep_derived(found, path)
    return found


def known_shifts(store: RunStore, run: str, shifted: Sequence[str], settings: ProbeSettings) -> Shifts | None:
    """The figures where they were made before, else None; never computes.

    Raises:
        ProbeError: see `shifts_of_runs`.
    """
    unshifted, others = _records(store, run, shifted)
    return load_derived(_path(store, unshifted, others, settings))


def may_be_shift(run: Run, other: Run) -> bool:
    """Whether another run may ask a run's questions in another way: of the same source, by the same model.

    One that asks in the same way, of another sample say, is no shift.
    """
    one, two = (
        [record.settings["data"].get(key) for key in ("name", "form", "split")] for record in (run, other)
    )
    same_model = run.facts["model_content"] == other.facts["model_content"]
    if not same_model or one != two or other.facts.get("open"):
        return False
    return shift_name(run, other) != UNCHANGED


def _records(store: RunStore, run: str, shifted: Sequence[str]) -> tuple[Run, list[Run]]:
    """The unshifted run, and the shifted ones, each once, by id."""
    unshifted = store.run(run)
    others = {record.run: record for record in map(store.run, shifted)}
    if unshifted.run in others:
        raise ProbeError(f"run {unshifted.run} cannot be a shift of itself: name runs in another style")
    if not others:
        raise ProbeError("name at least one run of the same questions, asked in another way")
    return unshifted, [others[name] for name in sorted(others)]


def _check_like(run: Run, other: Run) -> None:
    if run.facts["model_content"] != other.facts["model_content"]:
        raise ProbeError(
            f"runs {run.run} ({run.facts['model']}) and {other.run} ({other.facts['model']}) are not of one "
            "model with one adapter: a shift changes how questions are asked, and not who is asked"
        )
    if run.facts.get("open") or other.facts.get("open"):
        raise ProbeError("open questions have no styles: name runs of questions with two choices")


def _asked(store: RunStore, unshifted: Run, run: Run, position: str) -> AskedRun:
    frame, states = with_states(store, run.run, position)
    return AskedRun(run.run, shift_name(unshifted, run), run.style, frame, states)


def _log(store: RunStore, unshifted: Run, found: Shifts) -> None:
    """Log what each probe was judged on; of the run alone on itself it is what `telltale probe` would log."""
    log, settings = JudgementStore(store.cache), found.settings
    own = configuration_of(store, unshifted.run, settings, None)
    for training in found.trainings:
        configuration = _configuration(store, training, unshifted.run, settings) if training.shifts else own
        _add(log, unshifted.run, configuration, training, settings, training.unshifted.auroc)
    for figure in found.figures:
        configuration = _configuration(store, figure.training, figure.run, settings)
        _add(log, figure.run, configuration, figure.training, settings, figure.area.auroc)


def _add(
    log: JudgementStore,
    judged: str,
    configuration: str,
    training: Training,
    settings: ProbeSettings,
    auroc: float,
) -> None:
    what = in_words(settings) + (f", trained with {', '.join(training.shifts)}" if training.shifts else "")
    log.add(LoggedJudgement(judged, configuration, training.runs[0], what, auroc))


def _configuration(store: RunStore, training: Training, judged: str, settings: ProbeSettings) -> str:
    """The hash of all that a figure depends on, the version of Telltale aside."""
    stands = [standing(store, run) for run in (*training.runs, judged)]
    return joblib.hash(["shifts", asdict(settings.without_null()), stands])


def _path(store: RunStore, run: Run, others: Sequence[Run], settings: ProbeSettings) -> Path:
    stands = [standing(store, record.run) for record in (run, *others)]
    return derived_path(store.cache, "shifts", [VERSION, settings.without_null(), stands])
