"""One palette and one vocabulary for every chart, and the escaping of all text that Plotly reads as HTML.

Truth is blue and orange (told apart by the colour-blind), the mode is the marker's shape, in every chart.
Charts stand on white and on dark pages: each colour of a line or a mark has a contrast of 3 to 1 or more
against both (WCAG 2.2, 1.4.11), text has no colour of its own and takes the page's, and what lies behind is
see-through.
"""

import html
import textwrap

import pandas as pd
import plotly.graph_objects as go

POSITIVE, NEGATIVE, NEUTRAL = "#2a72b8", "#d07a1a", "#808080"
GREEN, RED, PURPLE, TEAL = "#2a8a48", "#d13c4b", "#9a5cb4", "#35978f"
BROWN, OCHRE, PINK, LIME = "#a6611a", "#bf812d", "#d63a92", "#5d9a2a"
FAINT = "rgba(128,128,128,0.22)"
"""The grid, bands and boxes behind text: grey on any page, and text on it can be read."""
SEE_THROUGH = "rgba(0,0,0,0)"
SCALE = [[0.0, NEGATIVE], [0.5, "#f4f4f4"], [1.0, POSITIVE]]
SYMBOL = {"honest": "circle", "lie": "diamond-open", "none": "cross"}
# Modes and verdicts have colours of their own: blue and orange are the choices' alone.
NAMED_COLOUR = {
    "honest": GREEN,
    "lie": RED,
    "none": NEUTRAL,
    "right": GREEN,
    "error": BROWN,
    "no lie": LIME,
    "untrue, belief unsure": "#b9757c",
    "true, belief unsure": "#6f9070",
    "no choice": NEUTRAL,
}
OTHERS = (PURPLE, TEAL, OCHRE, NEUTRAL, PINK, LIME)
LAYER_AXIS = "layer (0 = embedding output)"


def tint(colour: str, strength: float = 0.35) -> str:
    """A colour (#rrggbb) mixed with white."""
    parts = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - strength * (255 - part)):02x}" for part in parts)


def escaped(text: object) -> str:
    """Text with what Plotly reads as HTML escaped; it decodes no quotes, so that they stay as they are."""
    return html.escape(str(text), quote=False)


def shown(text: object, width: int = 60, most: int = 300) -> str:
    """Text for a hover box: cut, wrapped, and with all marks escaped."""
    text = str(text)
    cut = text if len(text) <= most else text[:most] + "…"
    return "<br>".join(escaped(line) for line in textwrap.wrap(cut, width) or [""])


def faded(colour: str, strength: float) -> str:
    """A colour (#rrggbb) that lets through what is behind it."""
    parts = ",".join(str(int(colour[start : start + 2], 16)) for start in (1, 3, 5))
    return f"rgba({parts},{strength})"


def layout(figure: go.Figure, height: int, **changes: object) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        plot_bgcolor=SEE_THROUGH,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        **changes,
    )
    figure.update_xaxes(gridcolor=FAINT, zeroline=False)
    figure.update_yaxes(gridcolor=FAINT, zeroline=False)
    return figure


def band(x: pd.Series, low: pd.Series, high: pd.Series, fill: str, **options: object) -> go.Scatter:
    """The area between two lines over x, such as an interval; it has no hover text.

    Args:
        fill: its colour, see-through.
    """
    return go.Scatter(
        x=pd.concat([x, x[::-1]]),
        y=pd.concat([high, low[::-1]]),
        mode="lines",
        fill="toself",
        fillcolor=fill,
        line={"width": 0},
        hoverinfo="skip",
        **options,
    )


def palette(values: list[str], choices: tuple[str, str]) -> dict[str, str]:
    """A colour for each value: the choices' own, those of modes and verdicts, and others in order."""
    fixed = NAMED_COLOUR | {choices[0]: NEGATIVE, choices[1]: POSITIVE}
    return dict(zip(values, OTHERS * (1 + len(values)), strict=False)) | fixed
