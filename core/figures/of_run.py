"""All figures of a run in their order: the cheap ones, and those that were computed before."""

from collections.abc import Callable
from dataclasses import dataclass

from core.best_of import best_of
from core.downloads import Progress, ignore_progress
from core.errors import Cancelled, StoreError
from core.figures.answers import figures_of_answers
from core.figures.directions import figures_of_directions
from core.figures.experiments import figures_of_experiments
from core.figures.figure import Absent, Answered, Drawn, RunFigure
from core.figures.judged import JudgedProbe, judged_probes
from core.figures.probes import figures_of_probes
from core.figures.pruning import figures_of_pruning
from core.figures.states import figure_of_states
from core.labels import lay_decisions
from core.labels_of_run import judged as judged_answers
from core.store.decisions import DecisionStore
from core.store.runs import RunStore

SECTIONS = ("Answers", "States", "Probe", "Read or said", "Lie score", "Pruning", "Shifts", "Steering")


@dataclass(frozen=True, eq=False)
class FiguresOfRun:
    """What there is to see of a run.

    Attributes:
        judged: what its test questions have judged, the first first.
        absent: the figures that it has not, with why.
    """

    answered: Answered
    judged: list[JudgedProbe]
    figures: list[RunFigure]
    absent: list[Absent]


def figures_of_run(
    store: RunStore,
    run: str,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> FiguresOfRun:
    """Draw every figure of a run. No probe is fitted, no model loaded, and no test set opened.

    Raises:
        StoreError: no such run, one without answers, or damaged states.
        Cancelled: `cancelled` said so.
    """
    record = store.run(run)
    if not record.answers:
        raise StoreError(f"run {record.run} has no answers yet: there is nothing to draw")
    progress(0.0, "reading the answers")
    whole = judged_answers(store, record.run)
    decided = lay_decisions(whole, DecisionStore(store.cache).current(record.run))
    at = Answered(store, record, whole, best_of(decided))
    judged = judged_probes(store, record.run)
    chosen = next((probe.report.layer for probe in judged if probe.report is not None), None)
    subjects: list[Callable[[], Drawn]] = [
        lambda: figures_of_answers(at),
        lambda: figure_of_states(at, chosen),
        lambda: figures_of_probes(at, judged),
        lambda: figures_of_directions(at),
        lambda: figures_of_pruning(at),
        lambda: figures_of_experiments(at),
    ]
    drawn: Drawn = []
    for number, draw in enumerate(subjects):
        if cancelled():
            raise Cancelled("drawing was cancelled: nothing was written")
        progress(number / len(subjects), f"drawing, {len(drawn)} figures so far")
        drawn += draw()
    figures = [entry for entry in drawn if isinstance(entry, RunFigure)]
    return FiguresOfRun(at, judged, figures, [entry for entry in drawn if isinstance(entry, Absent)])
