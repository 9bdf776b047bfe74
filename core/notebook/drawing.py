"""What was found, as a Plotly figure: the charts of the pages."""

from functools import singledispatch

import pandas as pd
import plotly.graph_objects as go

from core import charts
from core.charts.read_or_said import follows, readable
from core.probes.by_layer import ProbeReport
from core.probes.cross_validated import CrossValidated
from core.probes.read_or_said import ReadOrSaid
from core.probes.read_or_said_of_run import last_common_layer
from core.store.runs import Run

CONTROLS = ["name", "auroc", "low", "high"]


@singledispatch
def figure(found: object, run: Run | None = None) -> go.Figure:
    """A probe's AUROC by layer beside its controls, or what a direction follows by layer.

    Args:
        found: what `core.probe`, `core.cross_validate` or `core.read_or_said` gave. Of the last, where the
            two cannot be told apart, what can be read in each layer.
        run: what `core.read_or_said` was asked of: the layers are shaded at which its model cannot differ
            from the one that it was adapted from.

    Raises:
        TypeError: anything else.
    """
    raise TypeError(
        f"a {type(found).__name__} has no figure: draw what core.probe, core.cross_validate or "
        "core.read_or_said gave"
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
