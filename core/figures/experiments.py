"""Figures of what was tried with a run besides: its questions asked in other ways, its model steered."""

import contextlib

from core.charts import shifts as shift_charts
from core.charts import steering as steer_charts
from core.errors import ProbeError, StoreError
from core.figures.figure import Absent, Answered, Drawn, RunFigure
from core.figures.kept import kept_results
from core.probes.shifts_figures import Shifts
from core.probes.shifts_of_runs import known_shifts, may_be_shift
from core.steering.figures import MEASURES
from core.steering.of_run import known_steering
from core.steering.outcome import PLACES, SteerOutcome
from core.steering.settings import SteerSettings

SHIFTS, STEERING = "Shifts", "Steering"
SHIFTED = "What a probe loses when the questions are asked in another way"
STEERED = "What is said while the model is steered"
MOST = 4
"""Steering experiments that are drawn."""
DRAWN = ("as_instructed", "log_odds")
"""Measures of steering that are drawn; the table has them all."""


def figures_of_experiments(at: Answered) -> Drawn:
    """Shifts and steering, with whatever settings they were computed."""
    if at.open:
        why = "it is of choices, and this run asked open questions"
        return [Absent(SHIFTS, SHIFTED, why), Absent(STEERING, STEERED, why)]
    return [*_shifts(at), *_steering(at)]


def _shifts(at: Answered) -> Drawn:
    """The newest that are of this run, and of other runs as they stand."""
    for kept in kept_results(at.store.cache, "shifts"):
        shifted = sorted({figure.run for figure in kept.figures})
        with contextlib.suppress(ProbeError, StoreError):  # a run that is gone, or is this one itself
            if (found := known_shifts(at.store, at.run.run, shifted, kept.settings)) is not None:
                return [_of_shifts(at, found, shifted)]
    others = [
        other.run
        for other in at.store.runs()
        if other.run != at.run.run and other.answers and may_be_shift(at.run, other)
    ]
    if not others:
        why = "no run asks these questions in another way"
        return [Absent(SHIFTS, SHIFTED, why, "telltale harvest … --style typos")]
    why = "it was not computed for the answers and decisions as they stand"
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
        f"telltale shifts {at.run.run} {' '.join(shifted)} --method {s.method} --target {s.target} "
        f"--position {s.position} --train {s.train} --test {s.test} --layer-rule {s.rule} --seed {s.seed}",
        found.sentence(),
    )


def _steering(at: Answered) -> Drawn:
    """The newest experiments on this run."""
    tried = dict.fromkeys(kept.settings for kept in kept_results(at.store.cache, "steering"))
    outcomes = (known_steering(at.store, at.run.run, settings) for settings in tried)
    found = [outcome for outcome in outcomes if outcome is not None]
    if not found:
        why = "the model was not steered, or the answers or decisions have changed since"
        command = f"telltale steer {at.run.run} --layer {round(0.6 * (at.run.facts['layers'] - 1))}"
        return [Absent(STEERING, STEERED, why, command)]
    return [
        figure
        for number, outcome in enumerate(found[:MOST], start=1)
        for figure in _of_steering(at, outcome, number)
    ]


def _of_steering(at: Answered, found: SteerOutcome, number: int) -> list[RunFigure]:
    s = found.settings
    asked = ", ".join(f"{n:,} {mode}" for mode, n in found.prompts.items())
    return [
        RunFigure(
            f"steering-{number}-{measure.replace('_', '-')}",
            STEERING,
            f"Steered at layer {s.layer}, {s.how}, {PLACES[s.where]}: {MEASURES[measure]}",
            f"n {asked} answers to {found.questions:,} test questions; 95 % intervals "
            f"over groups of questions. {found.cost()}",
            steer_charts.against_alpha(
                found.lines(measure), found.band(measure), MEASURES[measure], s.how == "add"
            ),
            found.curves[found.curves["measure"] == measure],
            _steer_command(at, s),
            found.sentence() if measure == DRAWN[0] else "",
        )
        for measure in DRAWN
        if (found.curves["measure"] == measure).any()
    ]


def _steer_command(at: Answered, s: SteerSettings) -> str:
    alphas = f" --alpha {' '.join(f'{alpha:g}' for alpha in s.alphas)}" if s.alphas else ""
    return (
        f"telltale steer {at.run.run} --layer {s.layer} --how {s.how} --positions {s.where}{alphas} --method "
        f"{s.method} --target {s.target} --n {s.n} --random {s.random} --seed {s.seed}"
    )
