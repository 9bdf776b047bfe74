"""A statement's scores token by token, and where it falls among what the probe was trained on."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.charts.style import (
    FAINT,
    LAYER_AXIS,
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    SCALE,
    SEE_THROUGH,
    escaped,
    layout,
)


def token_heat_map(
    scores: pd.DataFrame, masked: list[bool], trained: list[bool], limit: float, layer: int | None = None
) -> go.Figure:
    """Probe score over token × layer; masked tokens are blank, positions not trained on are hatched.

    Args:
        scores: one row per token (index: the token as text), one column per layer.
        limit: scores beyond ± this get the strongest colour.
        layer: a layer to frame.
    """
    keep = [number for number, hidden in enumerate(masked) if not hidden or trained[number]]
    tokens = [escaped(scores.index[n]).replace(" ", "·").replace("\n", "⏎") for n in keep]
    values = scores.to_numpy()[keep].T
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=list(range(len(keep))),
            y=list(scores.columns),
            colorscale=SCALE,
            zmid=0,
            zmin=-limit,
            zmax=limit,
            colorbar={"title": "score", "thickness": 12},
            customdata=np.tile(tokens, (len(scores.columns), 1)),
            hovertemplate="%{customdata}<br>layer %{y}: score %{z:.2f}<extra></extra>",
        )
    )
    untrained = [place for place, n in enumerate(keep) if not trained[n]]
    figure.add_trace(
        go.Bar(
            x=untrained,
            y=[len(scores.columns)] * len(untrained),
            base=-0.5,
            width=1,
            marker={
                "color": SEE_THROUGH,
                "pattern": {"shape": "/", "fgcolor": "rgba(255,255,255,0.7)", "size": 7, "solidity": 0.25},
            },
            hoverinfo="skip",
            showlegend=False,
        )
    )
    if layer is not None:
        figure.add_hrect(y0=layer - 0.5, y1=layer + 0.5, line={"color": NEUTRAL, "width": 2}, fillcolor=None)
    figure.update_xaxes(
        title="token (· is a space; hatched: the probe was not trained at this position)",
        tickvals=list(range(len(keep))),
        ticktext=tokens,
        tickangle=-55,
        tickfont_size=13,
    )
    figure.update_yaxes(title=LAYER_AXIS)
    return layout(figure, 520, barmode="overlay")


def score_distribution(training: pd.DataFrame, marks: pd.DataFrame, names: tuple[str, str]) -> go.Figure:
    """The training answers' scores by class, and where statements fall.

    Args:
        training: score, target (0 or 1).
        marks: score, label: one vertical line each.
    """
    figure = go.Figure()
    for target, colour in ((0, NEGATIVE), (1, POSITIVE)):
        part = training[training["target"] == target]
        figure.add_trace(
            go.Histogram(
                x=part["score"],
                nbinsx=40,
                marker_color=colour,
                opacity=0.55,
                name=f"training: {escaped(names[target])} (n {len(part)})",
            )
        )
    for number, mark in enumerate(marks.itertuples()):
        figure.add_vline(
            x=mark.score,
            line={"color": NEUTRAL, "dash": ["solid", "dash", "dot"][number % 3]},
            annotation_text=escaped(mark.label),
            annotation_font_size=11,
            annotation_bgcolor=FAINT,
            annotation_yshift=-15 * (number % 6),
        )
    figure.add_vline(x=0, line={"color": NEUTRAL, "width": 1})
    figure.update_xaxes(title="probe score at the trained position (above 0: the second class)")
    figure.update_yaxes(title="training answers")
    return layout(figure, 300, barmode="overlay")
