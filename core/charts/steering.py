"""Charts of steering: a data frame of figures by strength in, a Plotly figure out."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.charts.error_bars import error_bars
from core.charts.style import NEUTRAL, PINK, TEAL, band, layout
from core.steering.conditions import is_main

MAIN, CONTROL, CHANCE = TEAL, PINK, NEUTRAL
ALPHA_AXIS = "alpha (typical state norms)"
DONE_AXIS = "strength (0 as it is, 1 done)"


def against_alpha(lines: pd.DataFrame, randoms: pd.DataFrame, measure: str, adds: bool = True) -> go.Figure:
    """One measure against the strength of the push, one panel a mode.

    Args:
        lines: direction, alpha, mode, value, low, high, n.
        randoms: alpha, mode, low, high, random: the central 95 % of random directions.
        measure: what the y axis is called.
        adds: whether strengths are alphas; otherwise 0 and 1.
    """
    modes = list(dict.fromkeys(lines["mode"]))
    figure = make_subplots(1, max(1, len(modes)), shared_yaxes=True, subplot_titles=modes)
    for column, mode in enumerate(modes, start=1):
        here = lines[lines["mode"] == mode]
        _chance(figure, here, randoms[randoms["mode"] == mode], column)
        for direction, part in here.groupby("direction", sort=False):
            _line(figure, part[part["n"] > 0], str(direction), column)
    figure.update_xaxes(title=ALPHA_AXIS if adds else DONE_AXIS)
    if not adds:
        figure.update_xaxes(tickvals=[0, 1], range=[-0.2, 1.2])
    figure.update_yaxes(title=measure, col=1)
    drawn = layout(figure, 380)
    drawn.update_layout(legend={"y": 1.1}, margin={"t": 60})
    return drawn


def _chance(figure: go.Figure, lines: pd.DataFrame, randoms: pd.DataFrame, column: int) -> None:
    """The band of random directions; it meets the unsteered value at 0."""
    if randoms.empty:
        return
    plain = float(lines.loc[lines["alpha"] == 0, "value"].iloc[0])
    whole = pd.concat([randoms, pd.DataFrame([{"alpha": 0.0, "low": plain, "high": plain}])])
    whole = whole.sort_values("alpha")
    figure.add_trace(
        band(
            whole["alpha"],
            whole["low"],
            whole["high"],
            CHANCE,
            opacity=0.35,
            name=f"central 95 % of {int(randoms['random'].max())} random directions",
            legendgroup="random",
            showlegend=column == 1,
        ),
        row=1,
        col=column,
    )


def _line(figure: go.Figure, part: pd.DataFrame, direction: str, column: int) -> None:
    main = is_main(direction)
    colour = MAIN if main else CONTROL
    figure.add_trace(
        go.Scatter(
            x=part["alpha"],
            y=part["value"],
            error_y=error_bars(part, "value", colour),
            mode="lines+markers",
            line={"color": colour, "width": 2.5 if main else 1.5, "dash": "solid" if main else "dot"},
            marker={"size": 7},
            name=direction,
            legendgroup=direction,
            showlegend=column == 1,
            customdata=part[["low", "high", "n"]],
            hovertemplate="strength %{x}<br>%{y:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}], "
            f"n %{{customdata[2]}}<extra>{direction}</extra>",
        ),
        row=1,
        col=column,
    )
