"""Charts of two runs side by side: a data frame in, a Plotly figure out."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.charts.error_bars import error_bars
from core.charts.style import LAYER_AXIS, NEUTRAL, OTHERS, band, faded, layout, shown

ONE, OTHER, APART = OTHERS[0], OTHERS[1], OTHERS[2]
LINE = 34
"""Height of a figure's line."""
NARROW = 28
"""Characters of a line of the legend."""


def figures_beside(figures: pd.DataFrame, names: tuple[str, str]) -> go.Figure:
    """Each figure of both runs, and beside them their differences, all with 95 % intervals.

    Args:
        figures: of `core.compare.behaviour.to_frame`.
        names: of the first run and the other.
    """
    lines = [f"{row.figure}, {row.mode}" for row in figures.itertuples()]
    places = pd.Series(range(len(lines))[::-1], figures.index)
    drawn = make_subplots(cols=2, shared_yaxes=True, column_widths=[0.6, 0.4], horizontal_spacing=0.02)
    for side, name, colour, shift in (("one", names[0], ONE, 0.15), ("other", names[1], OTHER, -0.15)):
        part = figures[figures[side].notna()]
        bars = part.assign(low=part[f"{side}_low"], high=part[f"{side}_high"])
        about = bars[["low", "high", f"{side}_n"]]
        drawn.add_trace(
            _marks(bars, side, places[part.index] + shift, colour, shown(name, NARROW), about), 1, 1
        )
    part = figures[figures["difference"].notna()]
    for clear, what, symbol in ((True, "without 0", "circle"), (False, "with 0", "circle-open")):
        here = part[((part["low"] > 0) | (part["high"] < 0)) == clear]
        if len(here):
            about = here[["low", "high", "one_n"]]
            trace = _marks(
                here, "difference", places[here.index], APART, f"difference, interval {what}", about
            )
            drawn.add_trace(trace.update(marker_symbol=symbol), 1, 2)
    drawn.add_vline(x=0, line={"color": NEUTRAL, "width": 1}, row=1, col=2)
    drawn.update_yaxes(tickvals=places, ticktext=lines, range=[-0.6, len(lines) - 0.4], row=1, col=1)
    drawn.update_xaxes(title="value<br>(95 % interval)", range=[-0.02, 1.02], row=1, col=1)
    drawn.update_xaxes(title="first − other<br>(95 % interval)", row=1, col=2)
    return layout(drawn, 130 + LINE * len(lines))


def layers_beside(layers: pd.DataFrame, names: tuple[str, str]) -> go.Figure:
    """A probe's AUROC in both runs by layer; below the difference, where there is one.

    Args:
        layers: of `core.compare.layers.ComparedLayers.to_frame`.
        names: of the first run and the other.
    """
    apart = layers["difference"].notna().all()
    rows = 2 if apart else 1
    drawn = make_subplots(rows=rows, shared_xaxes=True, row_heights=[0.6, 0.4][:rows], vertical_spacing=0.05)
    for side, name, colour in (("one", names[0], ONE), ("other", names[1], OTHER)):
        _curve(drawn, layers[layers[side].notna()], side, shown(name, NARROW), colour, 1)
    drawn.add_hline(y=0.5, line={"color": NEUTRAL, "width": 1}, annotation_text="chance 0.50", row=1, col=1)
    drawn.update_yaxes(title="AUROC", range=[0, 1.02], row=1, col=1)
    if apart:
        ends = layers.rename(columns={"low": "difference_low", "high": "difference_high"})
        _curve(drawn, ends, "difference", "difference", APART, 2)
        drawn.add_hline(y=0, line={"color": NEUTRAL, "width": 1}, row=2, col=1)
        drawn.update_yaxes(title="first minus other", row=2, col=1)
    drawn.update_xaxes(title=LAYER_AXIS, dtick=2, row=rows, col=1)
    return layout(drawn, 280 + 180 * rows)


def _marks(
    rows: pd.DataFrame, column: str, places: pd.Series, colour: str, name: str, about: pd.DataFrame
) -> go.Scatter:
    return go.Scatter(
        x=rows[column],
        y=places,
        error_x=error_bars(rows, column, colour),
        mode="markers",
        marker={"color": colour, "size": 9},
        name=name,
        customdata=about,
        hovertemplate="%{x:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}], n %{customdata[2]}"
        "<extra></extra>",
    )


def _curve(drawn: go.Figure, layers: pd.DataFrame, column: str, name: str, colour: str, row: int) -> None:
    """A line over the layers on its 95 % band, whose ends are in `<column>_low` and `<column>_high`."""
    low, high = f"{column}_low", f"{column}_high"
    fill = band(layers["layer"], layers[low], layers[high], faded(colour, 0.18), showlegend=False)
    drawn.add_trace(fill, row, 1)
    line = go.Scatter(
        x=layers["layer"],
        y=layers[column],
        mode="lines+markers",
        line={"color": colour, "width": 2},
        name=name,
        customdata=layers[[low, high]],
        hovertemplate="layer %{x}<br>%{y:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}]<extra></extra>",
    )
    drawn.add_trace(line, row, 1)
