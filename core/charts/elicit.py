"""The cells of an elicitation."""

import numpy as np
import pandas as pd
import plotly.colors as pc
import plotly.graph_objects as go

from core.charts.style import RED, escaped, layout, shown

VIRIDIS = pc.sequential.Viridis
GREY = (225, 225, 225)
FADED = [pc.label_rgb(pc.find_intermediate_color(pc.hex_to_rgb(colour), GREY, 0.8)) for colour in VIRIDIS]
"""The same colours, most of the way to grey: what is written on a field reads on any page."""
UPRIGHT = 8
"""Columns of a heat map whose names still stand beside each other."""


def elicit_heat_map(cells: pd.DataFrame, what: str) -> go.Figure:
    """A figure of an elicitation's cells over wording × template, shots, role and order.

    Args:
        cells: wording (its number first), template, column (shots · role · order), value (0 to 1), n, ended
            (halved away: drawn faded), winner (framed), detail (for hovering).
        what: the figure's name.
    """
    wordings = sorted(cells["wording"].unique(), key=lambda text: int(text.split(" ")[0]), reverse=True)
    columns = sorted(set(zip(cells["template"], cells["column"], strict=True)))
    figure = go.Figure()
    for ended in (False, True):
        size = (len(wordings), len(columns))
        values, texts, details = np.full(size, np.nan), np.full(size, "", object), np.full(size, "", object)
        for row in cells[cells["ended"] == ended].itertuples():
            place = wordings.index(row.wording), columns.index((row.template, row.column))
            values[place], texts[place] = row.value, f"{row.value:.2f}<br>n {row.n}"
            about = "<br>".join(shown(text) for text in (row.wording, row.template, row.column, row.detail))
            details[place] = f"{about}<br>n {row.n}{' · halved away' if ended else ''}"
        figure.add_trace(
            go.Heatmap(
                z=values,
                zmin=0,
                zmax=1,
                colorscale=FADED if ended else VIRIDIS,
                showscale=not ended,
                colorbar={"thickness": 12},
                text=texts,
                texttemplate="%{text}",
                customdata=details,
                hovertemplate="%{customdata}<extra></extra>",
                hoverongaps=False,
                xgap=2,
                ygap=2,
            )
        )
    for row in cells[cells["winner"]].itertuples():
        x, y = columns.index((row.template, row.column)), wordings.index(row.wording)
        figure.add_shape(
            type="rect", x0=x - 0.5, x1=x + 0.5, y0=y - 0.5, y1=y + 0.5, line={"color": RED, "width": 3}
        )
    upright = len(columns) <= UPRIGHT
    names = [_column_name(template, column, upright) for template, column in columns]
    figure.update_xaxes(
        title="template, few-shot examples, where the instruction stands, choice order",
        tickvals=list(range(len(columns))),
        ticktext=names,
        tickangle=0 if upright else 90,
        tickfont_size=11,
        range=[-0.5, len(columns) - 0.5],
    )
    figure.update_yaxes(
        title="wording (honest / lie)",
        tickvals=list(range(len(wordings))),
        ticktext=["<br>".join(shown(text, 42, 82).split("<br>")) for text in wordings],
        range=[-0.5, len(wordings) - 0.5],
    )
    height = (150 if upright else 250) + max(70, 58 * len(wordings))
    return layout(figure, height, title={"text": what, "font": {"size": 13}})


def _column_name(template: str, column: str, upright: bool) -> str:
    """A column's template and settings: short lines above each other, or two that are read from the side."""
    if upright:
        return f"{shown(template, 14)}<br>{escaped(column).replace(' · ', '<br>')}"
    shots, _, rest = escaped(column).partition(" · ")
    cut = template if len(template) <= 24 else template[:23] + "…"
    return f"{escaped(cut)} · {shots}<br>{rest}"
