"""The chart of shifts: a data frame of figures in, a Plotly figure out."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.charts.error_bars import error_bars
from core.charts.style import NEUTRAL, OTHERS, layout, shown
from core.probes.shifts_figures import ALONE, WITH_HALF

COLOUR = {ALONE: OTHERS[0], WITH_HALF: OTHERS[1]}
APART = {ALONE: 0.14, WITH_HALF: -0.14}
DROP_AXIS = "AUROC lost: as the unshifted run asks less as the shift asks (same probe, same questions)"


def drops(figures: pd.DataFrame) -> go.Figure:
    """What each shift loses, with 95 % intervals, by both ways of training; the zero line marked.

    Args:
        figures: of `core.probes.shifts_figures.Shifts.to_frame`.
    """
    runs = list(dict.fromkeys(figures["run"]))
    place = dict(zip(runs, np.arange(len(runs))[::-1], strict=True))
    figure = go.Figure()
    for regime, part in figures.groupby("trained_on", sort=False):
        colour = COLOUR[str(regime)]
        bars = part.assign(low=part["drop_low"], high=part["drop_high"])
        figure.add_trace(
            go.Scatter(
                x=part["drop"],
                y=part["run"].map(place) + APART[str(regime)],
                error_x=error_bars(bars, "drop", colour),
                mode="markers",
                marker={"color": colour, "size": 9},
                name=f"trained on {regime}",
                customdata=[_hover(row) for row in part.to_dict("records")],
                hovertemplate="%{customdata}<extra></extra>",
            )
        )
    figure.add_vline(x=0, line={"color": NEUTRAL, "width": 1}, annotation_text="nothing lost")
    names = dict(zip(figures["run"], figures["shift"], strict=True))
    once = len(set(names.values())) == len(names)
    figure.update_xaxes(title=DROP_AXIS)
    figure.update_yaxes(
        tickvals=list(place.values()),
        ticktext=[shown(names[run] if once else f"{names[run]} · {run[:6]}", 34) for run in place],
        range=[-0.6, len(runs) - 0.4],
    )
    return layout(figure, 150 + 60 * len(runs))


def _hover(row: dict) -> str:
    beside = f", with {row['trained_with']}" if row["trained_with"] else ""
    return (
        "{shift}<br>lost {drop:+.3f} [{drop_low:+.3f}, {drop_high:+.3f}], {questions:,} questions<br>"
        "AUROC {auroc:.3f} [{low:.3f}, {high:.3f}], n {n:,}; unshifted {unshifted:.3f}<br>"
        "layer {layer}, trained on {n_train:,}".format(**row | {"shift": shown(row["shift"])})
    ) + shown(beside)
