"""What was found, as a Plotly figure: the charts of the pages."""

from functools import singledispatch

import pandas as pd
import plotly.graph_objects as go

from core import charts
from core.charts.lie_score import figures_of, told_apart
from core.charts.read_or_said import follows, readable
from core.charts.shifts import drops
from core.charts.steering import against_alpha
from core.probes.by_layer import ProbeReport
from core.probes.cross_validated import CrossValidated
from core.probes.lie_score_of_run import LieScoreReport
from core.probes.read_or_said import ReadOrSaid
from core.probes.read_or_said_of_run import last_common_layer
from core.probes.shifts_figures import Shifts
from core.steering.figures import MEASURES
from core.steering.outcome import SteerOutcome
from core.store.runs import Run

CONTROLS = ["name", "auroc", "low", "high"]


@singledispatch
def figure(found: object, run: Run | None = None) -> go.Figure:
    """A probe's AUROC by layer beside its controls, or what else was found.

    Args:
        found: what `core.probe`, `core.cross_validate`, `core.read_or_said`, `core.lie_score`, `core.shifts`
            or `core.steer` gave. Of `read_or_said`, where the two cannot be told apart, what can be read in
            each layer; of `steer` the shift of log-odds.
        run: what `core.read_or_said` was asked of: the layers are shaded at which its model cannot differ
            from the one that it was adapted from.

    Raises:
        TypeError: anything else.
    """
    raise TypeError(
        f"a {type(found).__name__} has no figure: draw what core.probe, core.cross_validate, "
        "core.read_or_said, core.lie_score, core.shifts or core.steer gave"
    )


@figure.register
def _of_probe(found: ProbeReport, run: Run | None = None) -> go.Figure:
    rows = [
        (name, made["auroc"], *made["auroc_ci"])
        for name, control in found.controls.items()
        if control is not None
        for made in (control.to_json(),)
    ]
    layers = found.to_frame().rename(columns={"auroc": "value"})
    return charts.by_layer(layers, pd.DataFrame(rows, columns=CONTROLS), "AUROC", found.layer)


@figure.register
def _of_folds(found: CrossValidated, run: Run | None = None) -> go.Figure:
    layers = found.to_frame().rename(columns={"auroc": "value"})
    none = pd.DataFrame(columns=CONTROLS)
    return charts.by_layer(layers, none, "AUROC", None, judged_on="cross-validated")


@figure.register
def _of_direction(found: ReadOrSaid, run: Run | None = None) -> go.Figure:
    layers, turn = found.to_frame(), found.crossover
    common = None if run is None else last_common_layer(run)
    if turn is None:
        return readable(layers, None, "", common)
    return follows(layers, turn.layer, turn.ci, common)


@figure.register
def _of_lie_scores(found: LieScoreReport, run: Run | None = None) -> go.Figure:
    return told_apart(figures_of(found.judgements))


@figure.register
def _of_shifts(found: Shifts, run: Run | None = None) -> go.Figure:
    return drops(found.to_frame())


@figure.register
def _of_steering(found: SteerOutcome, run: Run | None = None) -> go.Figure:
    measure, adds = "log_odds", found.settings.how == "add"
    return against_alpha(found.lines(measure), found.band(measure), MEASURES[measure], adds)
