"""The long work that pages hand to the background: each a call of core, progress and cancel passed on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.data.reviews import fetch_reviews
from core.errors import Cancelled
from core.jobs import Job
from core.models.embedded import fetch_embedded
from core.progress import in_words

if TYPE_CHECKING:  # every page imports this module, the first of them without torch and scikit-learn
    from core.data.statements import Statement
    from core.elicit.settings import ElicitSettings
    from core.engine.settings import HarvestSettings
    from core.models.catalog import ModelSettings
    from core.probes.bundle import FittedProbe
    from core.probes.lie_score import LieScoreSettings
    from core.probes.rows import ProbeSettings
    from core.projection_values import ProjectionSettings
    from core.scoring.speech import Speech
    from core.steering.settings import SteerSettings
    from core.store.runs import RunStore

Work = Callable[[Job], Any]

FETCH = "fetching the embedded model"
LOAD = "loading the model"
HARVEST = "harvest"
ELICIT = "elicitation"
PROBE = "probe"
CROSS_VALIDATION = "cross-validation"
OWN_REPORT = "asking the model itself"
READ_OR_SAID = "read or said"
LIE_SCORE = "lie score"
TRANSFER = "transfer"
SHIFTS = "shifts"
COMPARISON = "comparison"
PRUNING = "effect of pruning"
PROJECTION = "projection"
SCORING = "scoring statements"
STEERING = "steering"
SPEAKING = "speaking"
REPORT = "report"


def fetch(cache: Path) -> Work:
    """Fetch the embedded model and the reviews."""

    def work(job: Job) -> None:
        def show(fraction: float, what: str) -> None:
            job.progress(fraction, what)
            if job.cancelled():
                raise Cancelled("the fetching was cancelled: what was not whole is thrown away")

        fetch_embedded(cache, show)
        fetch_reviews(cache, show)

    return work


def load(settings: ModelSettings, cache: Path) -> Work:
    """Load a model onto the shelf."""

    def work(job: Job) -> None:
        from core.models.loading import SHELF

        job.progress(0.1, "loading the model")
        SHELF.get(settings, cache)

    return work


def harvest(settings: HarvestSettings, store: RunStore) -> Work:
    """Run or resume a harvest; the job's `about` is the run's id as soon as it is known."""

    def work(job: Job) -> Any:
        from core.engine.harvest import harvest_or_watch, prepare
        from core.models.loading import SHELF

        job.progress(0.0, "loading the model")
        loaded = SHELF.get(settings.model, store.cache)
        job.progress(0.0, "preparing the questions")
        prepared = prepare(settings, loaded, store.cache)

        def show(state: Any) -> None:
            _tell_of_harvest(job, prepared.run, state, elsewhere)

        elsewhere = ""

        def watching() -> None:
            nonlocal elsewhere
            elsewhere = " · another program is at this run"

        return harvest_or_watch(
            prepared, loaded, store, progress=show, cancelled=job.cancelled, watching=watching
        )

    return work


def harvest_on_cluster(settings: HarvestSettings, store: RunStore, address: str) -> Work:
    """Run or resume a harvest on the Ray cluster at an address; else as `harvest`."""

    def work(job: Job) -> Any:
        from core.engine.on_ray import harvest_on_ray
        from core.engine.ray_crew import Cluster

        run = ""

        def planned(prepared: Any, _: dict) -> None:
            nonlocal run
            run = prepared.run

        def show(state: Any) -> None:
            _tell_of_harvest(job, run, state, " · on Ray")

        job.progress(0.0, "reaching the Ray cluster, where workers load the model")
        return harvest_on_ray(
            settings, store, Cluster(address), progress=show, cancelled=job.cancelled, planned=planned
        )

    return work


def _tell_of_harvest(job: Job, run: str, state: Any, where: str) -> None:
    """Say how far a harvest is, and after it where it is made."""
    job.works_on(run)
    left = "" if state.left is None else f" · {state.rate:.1f} a second · {in_words(state.left)} left"
    job.progress(state.done / state.planned, f"{state.done:,} of {state.planned:,} answers{left}{where}")


def elicit(settings: ElicitSettings, cache: Path) -> Work:
    """Run or resume an elicitation; the job's `about` is its id as soon as that is known."""

    def work(job: Job) -> Any:
        from core.elicit.search import ElicitProgress, prepare
        from core.elicit.search import elicit as search
        from core.elicit.store import ElicitStore
        from core.models.loading import SHELF

        job.progress(0.0, "loading the model")
        loaded = SHELF.get(settings.model, cache)
        job.progress(0.0, "preparing the questions")
        prepared = prepare(settings, loaded, cache)
        began, before = time.monotonic(), -1

        def show(state: ElicitProgress) -> None:
            nonlocal before
            before = state.done if before < 0 else before
            job.works_on(prepared.elicitation)
            passed, made = time.monotonic() - began, state.done - before
            left = f" · {in_words(passed / made * (state.planned - state.done))} left" if made else ""
            job.progress(
                state.done / state.planned,
                f"rung {state.rung + 1} of {state.rungs}, {state.cells} cells · {state.done:,} of "
                f"{state.planned:,} answers{left}",
            )

        outcome = search(prepared, loaded, ElicitStore(cache), progress=show, cancelled=job.cancelled)
        job.works_on(prepared.elicitation)
        return outcome

    return work


def probe(store: RunStore, run: str, settings: ProbeSettings, test_run: str | None = None) -> Work:
    """Fit and judge a probe at every layer."""

    def work(job: Job) -> Any:
        from core.probes.of_run import probe_run

        job.works_on(run)
        return probe_run(
            store, run, settings, test_run=test_run, progress=job.progress, cancelled=job.cancelled
        )

    return work


def own_report(store: RunStore, run: str, runs: list[str]) -> Work:
    """Ask the model of each run whether its answers were true; what it answers is kept when cancelled.

    Args:
        run: the one on whose page this was asked for.
    """

    def work(job: Job) -> None:
        from core.own_report.asking import ask_own_reports

        job.works_on(run)
        for name in runs:
            ask_own_reports(store, name, progress=job.progress, cancelled=job.cancelled)

    return work


def cross_validation(store: RunStore, run: str, settings: ProbeSettings) -> Work:
    """Cross-validate a probe at every layer, on the questions that are not in the test set."""

    def work(job: Job) -> Any:
        from core.probes.cross_validated_of_run import cross_validated_run

        job.works_on(run)
        return cross_validated_run(
            store, run, settings, sealed=True, progress=job.progress, cancelled=job.cancelled
        )

    return work


def read_or_said(store: RunStore, run: str, position: str, resamples: int) -> Work:
    """Follow the honest-trained direction through the layers."""

    def work(job: Job) -> Any:
        from core.probes.read_or_said_of_run import read_or_said_of_run

        job.works_on(run)
        return read_or_said_of_run(
            store, run, position, resamples=resamples, progress=job.progress, cancelled=job.cancelled
        )

    return work


def lie_score(store: RunStore, run: str, settings: LieScoreSettings, flip_run: str | None = None) -> Work:
    """Read every answer at every layer, and score how far what was said departs from it."""

    def work(job: Job) -> Any:
        from core.probes.lie_score_of_run import lie_score_of_run

        job.works_on(run)
        return lie_score_of_run(
            store, run, settings, flip_run, progress=job.progress, cancelled=job.cancelled
        )

    return work


def transfer(store: RunStore, runs: list[str], settings: ProbeSettings, modes: list[str]) -> Work:
    """Fill the matrix of probes trained on each run and judged on every one."""

    def work(job: Job) -> Any:
        from core.probes.transfer import transfer as fill

        return fill(store, runs, settings, modes, progress=job.progress, cancelled=job.cancelled)

    return work


def shifts(store: RunStore, run: str, shifted: list[str], settings: ProbeSettings) -> Work:
    """Judge a run's probe on the same questions asked in other ways."""

    def work(job: Job) -> Any:
        from core.probes.shifts_of_runs import shifts_of_runs

        job.works_on(run)
        return shifts_of_runs(store, run, shifted, settings, progress=job.progress, cancelled=job.cancelled)

    return work


def comparison(store: RunStore, run: str, other: str, settings: ProbeSettings) -> Work:
    """Cross-validate the same probe in two runs, outside of their test sets."""

    def work(job: Job) -> Any:
        from core.compare.of_runs import compare_probes

        job.works_on(run)
        return compare_probes(store, run, other, settings, progress=job.progress, cancelled=job.cancelled)

    return work


def steer(store: RunStore, run: str, settings: SteerSettings) -> Work:
    """Ask a run's test questions again while its model is steered."""

    def work(job: Job) -> Any:
        from core.steering.of_run import steer_run

        job.works_on(run)
        return steer_run(store, run, settings, progress=job.progress, cancelled=job.cancelled)

    return work


def effect_of_pruning(store: RunStore, run: str, settings: ProbeSettings, after: bool = True) -> Work:
    """The same probe trained without and with the decisions, each judged on the whole test set; no null.

    Args:
        after: False leaves out the one with them, which cannot be trained where they leave one class.
    """

    def work(job: Job) -> None:
        from core.probes.of_run import probe_run

        job.works_on(run)
        quick = replace(settings, permutations=0)
        probes = (False, True) if after else (False,)
        for number, pruned in enumerate(probes):

            def show(fraction: float, what: str, begun: int = number) -> None:
                job.progress((begun + fraction) / len(probes), what)

            probe_run(
                store,
                run,
                quick,
                pruned=pruned,
                test_pruned=not pruned,
                progress=show,
                cancelled=job.cancelled,
            )

    return work


def project(store: RunStore, run: str, settings: ProjectionSettings) -> Work:
    """Coordinates of every layer."""

    def work(job: Job) -> Any:
        from core.projection import project_run

        job.works_on(run)
        return project_run(store, run, settings, progress=job.progress, cancelled=job.cancelled)

    return work


def report(store: RunStore, run: str) -> Work:
    """Write a run's report."""

    def work(job: Job) -> Any:
        from core.report.page import report_of_run

        job.works_on(run)
        return report_of_run(store, run, progress=job.progress, cancelled=job.cancelled)

    return work


def score(
    store: RunStore, run: str, model: ModelSettings, probe: FittedProbe, statements: list[Statement]
) -> Work:
    """Put statements to the run's model in both modes; gives the probe and the scores."""

    def work(job: Job) -> Any:
        from core.models.loading import SHELF
        from core.scoring import score_statements

        job.works_on(run)
        job.progress(0.0, "loading the model")
        loaded = SHELF.get(model, store.cache)
        scores = score_statements(
            loaded, store, run, probe, statements, progress=job.progress, cancelled=job.cancelled
        )
        return probe, scores

    return work


def speak(speech: Speech, store: RunStore) -> Work:
    """Have the model answer what was typed in both modes, scored token by token: fills in the speech."""

    def work(job: Job) -> None:
        from core.models.loading import SHELF
        from core.scoring.speech import give_speech

        job.progress(0.0, "loading the model")
        loaded = SHELF.get(speech.plan.settings.model, store.cache)
        job.progress(0.0, "asking as a run asks")

        def told() -> None:
            most = max(len(tokens) for tokens in speech.spoken) - 1
            job.progress(most / speech.new_tokens, f"{most} of up to {speech.new_tokens} tokens")

        give_speech(speech, loaded, store, told, job.cancelled)

    return work
