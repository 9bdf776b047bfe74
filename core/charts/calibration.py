"""What a probe or the model says against what is so: counts, and probabilities against shares."""

import pandas as pd
import plotly.graph_objects as go

from core.charts.error_bars import error_bars
from core.charts.style import NEUTRAL, POSITIVE, PURPLE, escaped, layout


def confusion(counts: list[list[int]], names: tuple[str, str]) -> go.Figure:
    """Counts of truth (rows) against the probe's verdict (columns)."""
    labels = [escaped(name) for name in names]
    figure = go.Figure(
        go.Heatmap(
            z=counts,
            x=labels,
            y=labels,
            text=counts,
            texttemplate="%{text}",
            textfont={"size": 18},
            colorscale=[[0, "#ffffff"], [1, "#9ec4e2"]],
            showscale=False,
            hovertemplate="truth %{y}, probe %{x}: %{z}<extra></extra>",
        )
    )
    figure.update_xaxes(title="probe says")
    figure.update_yaxes(title="target", autorange="reversed")
    return layout(figure, 300)


def reliability(bins: pd.DataFrame) -> go.Figure:
    """Calibration: observed share against predicted probability, by bin, with intervals and n."""
    figure = go.Figure([_diagonal(), _bins(bins, "test answers, by bin", POSITIVE, "circle")])
    figure.update_xaxes(title="predicted probability", range=[-0.03, 1.03])
    figure.update_yaxes(title="observed share", range=[-0.03, 1.1])
    return layout(figure, 300)


def reliability_of_leans(raw: pd.DataFrame, calibrated: pd.DataFrame, positive: str) -> go.Figure:
    """Under honest: how often the positive choice is true, against its probability, raw and calibrated.

    Args:
        raw, calibrated: one row a bin: predicted, observed, low, high, n.
        positive: the positive choice.
    """
    figure = go.Figure(
        [
            _diagonal(),
            _bins(raw, "raw", NEUTRAL, "circle-open"),
            _bins(calibrated, "calibrated", PURPLE, "square"),
        ]
    )
    name = escaped(positive)
    figure.update_xaxes(title=f"predicted probability of {name}, of both choices", range=[-0.03, 1.03])
    figure.update_yaxes(title=f"share of which {name} is true", range=[-0.03, 1.1])
    return layout(figure, 380)


def _diagonal() -> go.Scatter:
    return go.Scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": NEUTRAL, "dash": "dot"},
        name="perfect calibration",
    )


def _bins(bins: pd.DataFrame, name: str, colour: str, symbol: str) -> go.Scatter:
    """Bins as points with intervals and n."""
    return go.Scatter(
        x=bins["predicted"],
        y=bins["observed"],
        error_y=error_bars(bins, "observed", NEUTRAL),
        mode="markers+text",
        text=[f"n {n}" for n in bins["n"]],
        textposition="top center",
        textfont={"size": 10},
        marker={"color": colour, "size": 9, "symbol": symbol},
        name=name,
    )
