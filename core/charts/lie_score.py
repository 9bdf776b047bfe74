"""The judgements of the lie score as a table, and its charts: a data frame in, a Plotly figure out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.charts.error_bars import error_bars
from core.charts.layers import CONTROL
from core.charts.read_or_said import DIRECTION
from core.charts.style import FAINT, NAMED_COLOUR, NEUTRAL, OTHERS, layout, shown
from core.probes.lie_judgements import CHANCE, FEWEST, Judgement
from core.probes.lie_score import KINDS
from core.probes.metrics import Area

WORDS = CONTROL["text"][1]
KIND_COLOUR = {
    "lie": NAMED_COLOUR["lie"],
    "failed lie": NAMED_COLOUR["no lie"],
    "honest, right": NAMED_COLOUR["right"],
    "honest error": NAMED_COLOUR["error"],
    "flip": OTHERS[1],
}
SCORE_AXIS = "lie score (SD of what is read in honest answers; above 0: said against what is read)"
PERCENTILES = (5, 25, 50, 75, 95)
"""What a box is drawn of: the ends of its whiskers, its own ends, and the median."""


def figures_of(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """One row a judgement; figures that were refused, or that the words cannot give, are NaN.

    Returns:
        Columns name, judgement, positive, negative, groups; auroc of the lie score, words_auroc of the words
        alone and margin of the first over the second, each with its low and high; refused.
    """
    return pd.DataFrame(
        [
            {
                "name": made.name,
                "judgement": made.title,
                "positive": made.positive,
                "negative": made.negative,
                "groups": made.groups,
            }
            | _area("", made.probe)
            | _area("words_", made.text)
            | _margin(made)
            | {"refused": made.refused or ""}
            for made in judgements
        ]
    )


def _area(of: str, found: Area | None) -> dict[str, float]:
    value, (low, high) = (np.nan, (np.nan, np.nan)) if found is None else (found.auroc, found.ci)
    return {f"{of}auroc": value, f"{of}low": low, f"{of}high": high}


def _margin(made: Judgement) -> dict[str, float]:
    if made.text is None:
        return dict.fromkeys(("margin", "margin_low", "margin_high"), np.nan)
    low, high = made.text.margin.ci
    return {"margin": made.text.margin.value, "margin_low": low, "margin_high": high}


def told_apart(figures: pd.DataFrame) -> go.Figure:
    """Each judgement's AUROC, under it that of the words alone, both with 95 % intervals; chance marked.

    Args:
        figures: of `figures_of`; a refused judgement has its reason in place of a figure.
    """
    figure = go.Figure()
    places = np.arange(len(figures))[::-1]
    _mark(figure, figures.assign(place=places + 0.14), "", "lie score", DIRECTION)
    _mark(figure, figures.assign(place=places - 0.14), "words_", "the same from the words alone", WORDS)
    figure.add_vline(
        x=CHANCE, line={"color": NEUTRAL, "width": 1, "dash": "dot"}, annotation_text=f"chance {CHANCE:.2f}"
    )
    for place, refused in zip(places, figures["refused"], strict=True):
        if refused:
            figure.add_annotation(
                x=0.01,
                y=place,
                text=shown(f"not judged: {refused}", 90),
                showarrow=False,
                xanchor="left",
                align="left",
                font={"size": 12},
                bgcolor=FAINT,
            )
    names = [
        f"{shown(row.judgement, 36)}<br>n {row.positive:,} against {row.negative:,}"
        for row in figures.itertuples()
    ]
    _lines(figure, places, names, "judgement")
    figure.update_xaxes(title="AUROC, 95 % interval", range=[-0.02, 1.02])
    return layout(figure, 110 + 62 * len(figures))


def _mark(figure: go.Figure, figures: pd.DataFrame, of: str, name: str, colour: str) -> None:
    own = {key: figures[f"{of}{key}"] for key in ("auroc", "low", "high")}
    part = figures.assign(**own).dropna(subset=["auroc"])
    if part.empty:
        return
    figure.add_trace(
        go.Scatter(
            x=part["auroc"],
            y=part["place"],
            error_x=error_bars(part, "auroc", colour),
            mode="markers",
            marker={"color": colour, "size": 9},
            name=name,
            customdata=part[["low", "high", "positive", "negative", "groups"]],
            hovertemplate="AUROC %{x:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}]<br>"
            "n %{customdata[2]:,} against %{customdata[3]:,}, of %{customdata[4]:,} groups"
            f"<extra>{name}</extra>",
        )
    )


def by_kind(scores: pd.DataFrame) -> go.Figure:
    """How the lie score lies in each kind of answer, with the n of each.

    A box is five numbers, however many answers there are; a kind of fewer than `FEWEST` is drawn answer by
    answer.

    Args:
        scores: kind and score of each answer; a kind that is none of `KINDS` is left out.
    """
    figure = go.Figure()
    places = np.arange(len(KINDS))[::-1]
    names = []
    for place, kind in zip(places, KINDS, strict=True):
        values = scores.loc[scores["kind"] == kind, "score"].to_numpy()
        names.append(f"{shown(kind)}<br>n {len(values):,}")
        if len(values) >= FEWEST:
            figure.add_trace(_box(values, place, kind))
        elif len(values):
            figure.add_trace(_points(values, place, kind))
    figure.add_vline(x=0, line={"color": NEUTRAL, "width": 1})
    _lines(figure, places, names, "kind of answer")
    figure.update_xaxes(title=SCORE_AXIS)
    return layout(figure, 90 + 52 * len(KINDS), showlegend=False)


def _box(values: np.ndarray, place: int, kind: str) -> go.Box:
    low, lower, median, upper, high = np.percentile(values, PERCENTILES)
    return go.Box(
        y=[place],
        lowerfence=[low],
        q1=[lower],
        median=[median],
        q3=[upper],
        upperfence=[high],
        orientation="h",
        width=0.5,
        marker_color=KIND_COLOUR[kind],
        name=kind,
    )


def _points(values: np.ndarray, place: int, kind: str) -> go.Scatter:
    return go.Scatter(
        x=values,
        y=np.full(len(values), place),
        mode="markers",
        marker={"color": KIND_COLOUR[kind], "size": 9, "symbol": "line-ns-open"},
        name=kind,
        hovertemplate="%{x:.2f}<extra></extra>",
    )


def _lines(figure: go.Figure, places: np.ndarray, names: list[str], title: str) -> None:
    """One named line a place, those without a mark too."""
    figure.update_yaxes(tickvals=places, ticktext=names, range=[-0.6, len(places) - 0.4], title=title)
