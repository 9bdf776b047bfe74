"""Charts of pruning: a data frame in, a Plotly figure out."""

import pandas as pd
import plotly.graph_objects as go

from core.charts.error_bars import error_bars
from core.charts.style import NEUTRAL, PURPLE, layout

BEFORE, AFTER = NEUTRAL, PURPLE


def side_by_side(rows: pd.DataFrame, title: str, lines: str, chance: float | None = None) -> go.Figure:
    """Figures before and after, each with its 95 % interval, one line each.

    Args:
        rows: what (the line), when (two values, the earlier first, or one alone), value, low, high, n;
            lines without a value are left out.
        title, lines: titles of the x and the y axis.
        chance: where guessing lies, marked.
    """
    figure = go.Figure()
    rows = rows.dropna(subset=["value"])
    whats = list(dict.fromkeys(rows["what"]))
    shifts = (0.14, -0.14) if rows["when"].nunique() > 1 else (0.0,)
    for shift, (when, part) in zip(shifts, rows.groupby("when", sort=False), strict=False):
        colour = BEFORE if shift > 0 else AFTER
        figure.add_trace(
            go.Scatter(
                x=part["value"].astype(float),
                y=[len(whats) - 1 - whats.index(what) + shift for what in part["what"]],
                error_x=error_bars(part, "value", colour),
                mode="markers",
                marker={"color": colour, "size": 9},
                name=str(when),
                customdata=part[["low", "high", "n"]],
                hovertemplate="%{x:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}], n %{customdata[2]}"
                "<extra></extra>",
            )
        )
    if chance is not None:
        figure.add_vline(x=chance, line={"color": NEUTRAL, "width": 1, "dash": "dot"})
    places = list(range(len(whats)))[::-1]
    figure.update_yaxes(tickvals=places, ticktext=whats, range=[-0.6, len(whats) - 0.4], title=lines)
    figure.update_xaxes(title=title, range=[-0.02, 1.02])
    return layout(figure, 110 + 48 * max(1, len(whats)))
