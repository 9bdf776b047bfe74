"""Figures of what was tried with a run besides: its questions asked in other ways, its model steered."""

from itertools import product

from core.charts import shifts as shift_charts
from core.charts import steering as steer_charts
from core.engine.steer import HOW
from core.figures.figure import Absent, Answered, Drawn, RunFigure
from core.probes.rows import ProbeSettings, default_modes
from core.probes.shifts_figures import Shifts
from core.probes.shifts_of_runs import known_shifts, may_be_shift
from core.steering.figures import MEASURES
from core.steering.of_run import known_steering
from core.steering.outcome import SteerOutcome
from core.steering.settings import SteerSettings

SHIFTS, STEERING = "Shifts", "Steering"
SHIFTED = "What a probe loses when the questions are asked in another way"
STEERED = "What is said while the model is steered"
MOST = 4
"""Steering experiments that are drawn."""
DRAWN = ("as_instructed", "log_odds")
"""Measures of steering that are drawn; the table has them all."""


def figures_of_experiments(at: Answered) -> Drawn:
    """Shifts and steering with the usual settings, as far as they were computed."""
    if at.open:
        why = "it is of choices, and this run asked open questions"
        return [Absent(SHIFTS, SHIFTED, why), Absent(STEERING, STEERED, why)]
    return [*_shifts(at), *_steering(at)]


def _shifts(at: Answered) -> Drawn:
    others = sorted(
        other.run
        for other in at.store.runs()
        if other.run != at.run.run and other.answers and may_be_shift(at.run, other)
    )
    if not others:
        why = "no run asks these questions in another way"
        return [Absent(SHIFTS, SHIFTED, why, "telltale harvest … --style typos")]
    train, test = default_modes(at.run.settings["modes"])
    settings = ProbeSettings(train=train, test=test, permutations=0)
    for shifted in (others, *([name] for name in others)):
        if (found := known_shifts(at.store, at.run.run, shifted, settings)) is not None:
            return [_of_shifts(at, found, shifted)]
    why = "what a probe loses on them was not computed for the answers and decisions as they stand"
    return [Absent(SHIFTS, SHIFTED, why, f"telltale shifts {at.run.run} {' '.join(others)}")]


def _of_shifts(at: Answered, found: Shifts, shifted: list[str]) -> RunFigure:
    table, s = found.to_frame(), found.settings
    return RunFigure(
        "shifts",
        SHIFTS,
        SHIFTED,
        f"{' '.join(found.notes())} Bars are 95 % intervals over groups; n of each in the "
        f"table. Trained on {found.trainings[0].n_train:,} answers, {found.n_dropped:,} pruned.",
        shift_charts.drops(table),
        table,
        f"telltale shifts {at.run.run} {' '.join(shifted)} --train {s.train} --test {s.test}",
        found.sentence(),
    )


def _steering(at: Answered) -> Drawn:
    found = [
        outcome
        for layer, how in product(range(at.run.facts["layers"]), HOW)
        if (outcome := known_steering(at.store, at.run.run, SteerSettings(layer, how))) is not None
    ]
    if not found:
        why = "the model was not steered, or the answers or decisions have changed since"
        command = f"telltale steer {at.run.run} --layer {round(0.6 * (at.run.facts['layers'] - 1))}"
        return [Absent(STEERING, STEERED, why, command)]
    return [figure for outcome in found[:MOST] for figure in _of_steering(at, outcome)]


def _of_steering(at: Answered, found: SteerOutcome) -> list[RunFigure]:
    s = found.settings
    asked = ", ".join(f"{n:,} {mode}" for mode, n in found.prompts.items())
    return [
        RunFigure(
            f"steering-{s.how}-layer-{s.layer}-{measure.replace('_', '-')}",
            STEERING,
            f"Steered at layer {s.layer} ({s.how}): {MEASURES[measure]}",
            f"n {asked} answers to {found.questions:,} test questions; 95 % intervals "
            f"over groups of questions. {found.cost()}",
            steer_charts.against_alpha(
                found.lines(measure), found.band(measure), MEASURES[measure], s.how == "add"
            ),
            found.curves[found.curves["measure"] == measure],
            f"telltale steer {at.run.run} --layer {s.layer} --how {s.how}",
            found.sentence() if measure == DRAWN[0] else "",
        )
        for measure in DRAWN
        if (found.curves["measure"] == measure).any()
    ]
