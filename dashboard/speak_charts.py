"""A model's words while it speaks: each on the colour of its score, and the scores as a line by token."""

import html

import pandas as pd
import plotly.graph_objects as go

from core.scoring.benign import TokenThreshold
from dashboard.charts import INK, NAMED_COLOUR, NEGATIVE, NEUTRAL, POSITIVE, SYMBOL, layout, shown, tint

HATCH = "repeating-linear-gradient(45deg, transparent 0 4px, rgba(255,255,255,0.8) 4px 8px)"
PALEST, DEEPEST = 0.06, 0.75
PROMPT = "⟨end of prompt⟩"
"""Stands for the prompt's last token, which is no word of the answer."""


def words(table: pd.DataFrame) -> list[str]:
    """What each token writes, with spaces and line ends to be seen.

    Args:
        table: as `core.scoring.speech.Speech.table` gives it.
    """
    pieces = [PROMPT if row.number == 0 else row.piece for row in table.itertuples()]
    return [piece.replace(" ", "·").replace("\n", "⏎") for piece in pieces]


def word_colours(table: pd.DataFrame, limit: float) -> list[str]:
    """Each token's CSS background: blue above 0, orange below; hatched where the probe was not trained.

    Args:
        limit: scores beyond ± this get the strongest colour.
    """
    colours = []
    for row in table.itertuples():
        strength = PALEST + (DEEPEST - PALEST) * min(1.0, abs(row.score) / limit)
        colour = tint(POSITIVE if row.score > 0 else NEGATIVE, strength)
        colours.append(colour if row.trained else f"{HATCH}, {colour}")
    return colours


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
    tables: pd.DataFrame, names: tuple[str, str], layer: int, threshold: TokenThreshold | None = None
) -> go.Figure:
    """Scores over the tokens of both modes' answers; small and pale where the probe was not trained.

    Args:
        tables: those of both modes, one below the other.
        names: of the probe's negative and positive class.
        threshold: of ordinary conversation's tokens, drawn where it is known.
    """
    figure = go.Figure()
    for mode, part in tables.groupby("mode", sort=False):
        trained = part["trained"].astype(bool)
        figure.add_trace(
            go.Scatter(
                x=part["number"],
                y=part["score"],
                mode="lines+markers",
                line={"color": tint(NAMED_COLOUR[str(mode)], 0.5), "width": 1.5},
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
    figure.add_hline(y=0, line={"color": INK, "width": 1}, annotation_text="0, the probe's threshold")
    if threshold is not None and threshold.value is not None:
        figure.add_hline(
            y=threshold.value,
            line={"color": NEUTRAL, "width": 1.5, "dash": "dash"},
            annotation_text=f"{'above' if threshold.above else 'below'}: {threshold.rate:.0%} of the tokens "
            "of ordinary conversation",
            annotation_position="bottom right",
        )
    last = max(tables["number"], default=1)
    figure.update_xaxes(
        title="token of the answer (0: the end of the prompt)",
        range=[-0.3, last + 0.3],
        dtick=max(1, round(last / 12)),
    )
    figure.update_yaxes(title=f"score at layer {layer} (above 0: {html.escape(names[1])})")
    return layout(figure, 320)
