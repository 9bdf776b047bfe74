"""States in two or three dimensions, one layer or all of them."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.charts.style import SCALE, SYMBOL, escaped, layout, palette, shown


def scatter(
    points: pd.DataFrame,
    colour: str,
    axes: list[str],
    choices: tuple[str, str],
    height: int = 620,
    webgl: bool = True,
) -> go.Figure:
    """One layer's answers, in two dimensions or three.

    Args:
        points: answer, x, y (z), mode, text, generated, said, truth, verdict, and the column to colour by:
            numbers give a scale from -2 to 2, anything else a legend.
        axes: the axes' titles; three of them draw in three dimensions.
        choices: names of the choices, negative first.
        webgl: whether two dimensions are drawn with WebGL, fast for many points; else as SVG, which is
            sharp at any size and is seen where there is no WebGL.
    """
    figure = go.Figure()
    numeric = pd.api.types.is_numeric_dtype(points[colour])
    parts = [("", points)] if numeric else [(str(value), part) for value, part in points.groupby(colour)]
    colours = palette([name for name, _ in parts], choices)
    first = True
    for name, part in parts:
        for mode, rows in part.groupby("mode"):
            marker: dict = {"symbol": SYMBOL.get(str(mode), "circle"), "size": _size(len(points), len(axes))}
            if numeric:
                marker |= {"color": rows[colour], "colorscale": SCALE, "cmin": -2, "cmax": 2}
                marker |= {"showscale": first, "colorbar": {"title": "score, SD", "thickness": 12}}
                first = False
            else:
                marker |= {"color": colours[name]}
            common = {
                "x": rows["x"],
                "y": rows["y"],
                "mode": "markers",
                "marker": marker,
                "name": f"{escaped(name)} · {mode} (n {len(rows)})" if name else f"{mode} (n {len(rows)})",
                "customdata": np.column_stack([rows["answer"], _hover(rows)]),
                "hovertemplate": "%{customdata[1]}<extra></extra>",
            }
            kind = go.Scatter3d if len(axes) == 3 else go.Scattergl if webgl else go.Scatter
            figure.add_trace(kind(**common, **({"z": rows["z"]} if len(axes) == 3 else {})))
    if len(axes) == 3:
        figure.update_layout(scene={f"{a}axis": {"title": t} for a, t in zip("xyz", axes, strict=True)})
    else:
        figure.update_xaxes(title=axes[0])
        figure.update_yaxes(title=axes[1])
    return layout(figure, height, dragmode="orbit" if len(axes) == 3 else "lasso", uirevision="place")


def _size(n: int, dimensions: int) -> float:
    return (8 if n <= 1000 else 5 if n <= 5000 else 3) / (2 if dimensions == 3 else 1)


def _hover(rows: pd.DataFrame) -> list[str]:
    return [
        f"<b>answer {r.answer}</b> · {r.mode}<br>{shown(r.text)}<br>"
        f"truth {shown(r.truth)} · said {shown(r.said)} · {r.verdict}<br>"
        f"generated: {shown(r.generated, most=120)}"
        for r in rows.itertuples()
    ]


def small_multiples(
    layers: dict[int, pd.DataFrame], colour: str, choices: tuple[str, str], columns: int = 8
) -> go.Figure:
    """Every layer small, on the same scale, coloured by a column of two or more values.

    Args:
        layers: by layer, points with x, y and the colour's column (at most 1,000 points each).
    """
    rows = -(-len(layers) // columns)
    titles = [f"layer {number}" for number in layers]
    figure = make_subplots(
        rows, columns, subplot_titles=titles, horizontal_spacing=0.01, vertical_spacing=0.05
    )
    values = sorted({str(v) for points in layers.values() for v in points[colour]})
    colours = palette(values, choices)
    for place, points in enumerate(layers.values()):
        figure.add_trace(
            go.Scattergl(
                x=points["x"],
                y=points["y"],
                mode="markers",
                marker={"size": 2.5, "color": [colours[str(v)] for v in points[colour]]},
                hoverinfo="skip",
                showlegend=False,
            ),
            row=place // columns + 1,
            col=place % columns + 1,
        )
    figure.update_xaxes(showticklabels=False, range=[-3.2, 3.2])
    figure.update_yaxes(showticklabels=False, range=[-3.2, 3.2])
    figure.update_annotations(font_size=11)
    for value in values:
        figure.add_trace(
            go.Scatter(
                x=[None], y=[None], mode="markers", marker={"color": colours[value]}, name=escaped(value)
            )
        )
    return layout(figure, 130 * rows + 60)
