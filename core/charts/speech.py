"""A model's words while it speaks: each on the colour of its score, and the scores as a line by token.

Also the heat map of a statement's tokens where their scores can be compared with ordinary conversation's.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.charts.statements import token_heat_map
from core.charts.style import (
    NAMED_COLOUR,
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    SYMBOL,
    escaped,
    faded,
    layout,
    shown,
    tint,
)
from core.scoring.benign import PROMPT, TokenThreshold

HATCH = "repeating-linear-gradient(45deg, transparent 0 4px, rgba(255,255,255,0.8) 4px 8px)"
PALEST, DEEPEST = 0.06, 0.75
END_OF_PROMPT = "⟨end of prompt⟩"
"""Stands for the prompt's last token, which is no word of the answer."""


def words(table: pd.DataFrame) -> list[str]:
    """What each token writes, with spaces and line ends to be seen.

    Args:
        table: as `core.scoring.speech.Speech.table` gives it.
    """
    pieces = [END_OF_PROMPT if row.number == 0 else row.piece for row in table.itertuples()]
    return [piece.replace(" ", "·").replace("\n", "⏎") for piece in pieces]


def word_colours(table: pd.DataFrame, limit: float) -> list[str]:
    """Each token's CSS background, hatched where the probe was not trained.

    Where every token has a percentile, blue is above half of ordinary conversation and orange below; else
    blue is a score above 0 and orange one below.

    Args:
        limit: scores beyond ± this get the strongest colour.
    """
    values = table["percentile"] / 50 - 1 if by_percentile(table) else table["score"] / limit
    colours = []
    for value, trained in zip(values, table["trained"], strict=True):
        strength = PALEST + (DEEPEST - PALEST) * min(1.0, abs(value))
        colour = tint(POSITIVE if value > 0 else NEGATIVE, strength)
        colours.append(colour if trained else f"{HATCH}, {colour}")
    return colours


def by_percentile(table: pd.DataFrame) -> bool:
    """Whether every token's score can be compared with ordinary conversation's."""
    return bool(table["percentile"].notna().all())


def word_titles(table: pd.DataFrame, positive: str) -> list[str]:
    """What is said of each token when it is pointed at; a probability only where there is one.

    Args:
        positive: the name of the probe's positive class.
    """
    titles = []
    for row in table.itertuples():
        parts = [f"token {row.number}: score {row.score:.2f}"]
        if pd.notna(row.percentile):
            parts.append(f"above {row.percentile:.0f} % of ordinary conversation here")
        if pd.notna(row.probability):
            parts.append(f"P({positive}) {row.probability:.2f}")
        if not row.trained:
            parts.append("not trained at this position")
        titles.append(" · ".join(parts))
    return titles


def by_token(
    tables: pd.DataFrame, names: tuple[str, str], layer: int, thresholds: Sequence[TokenThreshold] = ()
) -> go.Figure:
    """Scores over the tokens of both modes' answers; small and pale where the probe was not trained.

    Args:
        tables: those of both modes, one below the other.
        names: of the probe's negative and positive class.
        thresholds: of ordinary conversation, each drawn at its kind of position where it is known.
    """
    figure = go.Figure()
    for mode, part in tables.groupby("mode", sort=False):
        trained = part["trained"].astype(bool)
        figure.add_trace(
            go.Scatter(
                x=part["number"],
                y=part["score"],
                mode="lines+markers",
                line={"color": faded(NAMED_COLOUR[str(mode)], 0.6), "width": 1.5},
                marker={
                    "color": NAMED_COLOUR[str(mode)],
                    "symbol": SYMBOL[str(mode)],
                    "size": trained.map({True: 11, False: 6}),
                    "opacity": trained.map({True: 1.0, False: 0.45}),
                },
                name=f"{mode} (n {len(part)} tokens)",
                customdata=list(
                    zip(map(shown, words(part)), map(shown, word_titles(part, names[1])), strict=True)
                ),
                hovertemplate="%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
            )
        )
    figure.add_hline(y=0, line={"color": NEUTRAL, "width": 1}, annotation_text="0, the probe's threshold")
    last = max(tables["number"], default=1)
    for threshold in thresholds:
        if threshold.value is not None:
            start, end = (-0.3, 0.3) if threshold.kind == PROMPT else (0.5, last + 0.3)
            figure.add_trace(_threshold_line(threshold, start, end))
    figure.update_xaxes(
        title="token of the answer (0: the end of the prompt)",
        range=[-0.3, last + 0.3],
        dtick=max(1, round(last / 12)),
    )
    figure.update_yaxes(title=f"score at layer {layer} (above 0: {escaped(names[1])})")
    return layout(figure, 320)


def _threshold_line(threshold: TokenThreshold, start: float, end: float) -> go.Scatter:
    """A dashed line from one token's place to another's."""
    side = "above" if threshold.above else "below"
    name = f"{side}: {threshold.rate:.0%} of the {threshold.unit} of ordinary conversation"
    return go.Scatter(
        x=[start, end],
        y=[threshold.value, threshold.value],
        mode="lines",
        line={"color": NEUTRAL, "width": 1.5, "dash": "dash"},
        name=name,
        hovertemplate=f"%{{y:.2f}} · {name}<extra></extra>",
    )


def percentile_heat_map(
    percentiles: pd.DataFrame, scores: np.ndarray, masked: list[bool], trained: list[bool], layer: int
) -> go.Figure:
    """`token_heat_map` coloured by percentile among ordinary conversation; blank where there is none.

    Args:
        percentiles: one row per token (index: the token as text), one column per layer, 0 to 100.
        scores: (tokens, layers), told beside them.
        layer: to frame.
    """
    figure = token_heat_map(percentiles, masked, trained, 100, layer)
    keep = [number for number, hidden in enumerate(masked) if not hidden or trained[number]]
    heat = figure.data[0]
    heat.update(
        zmid=50,
        zmin=0,
        zmax=100,
        colorbar={"title": "percentile", "thickness": 12},
        customdata=np.stack([heat.customdata, scores[keep].T.round(2).astype(str)], axis=-1),
        hovertemplate="%{customdata[0]}<br>layer %{y}: above %{z:.0f} % of ordinary conversation at this "
        "kind of position, score %{customdata[1]}<extra></extra>",
    )
    return figure
