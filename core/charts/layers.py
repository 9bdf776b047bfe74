"""A probe by layer, beside its controls."""

import pandas as pd
import plotly.graph_objects as go

from core.charts.style import (
    BROWN,
    FAINT,
    GREEN,
    LAYER_AXIS,
    NEUTRAL,
    PINK,
    POSITIVE,
    PURPLE,
    SEE_THROUGH,
    TEAL,
    band,
    faded,
    layout,
)

CONTROL = {
    "output": ("model's own output", BROWN, "dash"),
    "output_inverted": ("own output, inverted under lie", BROWN, "dot"),
    "honest_answer": ("honest answer to the same question", GREEN, "dash"),
    "text": ("TF-IDF on the question's text", PURPLE, "dash"),
    "length": ("length of the question's text", NEUTRAL, "dot"),
    "embedding": ("mean input embedding of the question", TEAL, "dash"),
    "text_source": ("TF-IDF, from all of the source", PURPLE, "dot"),
    "length_source": ("length, its sign from all of the source", NEUTRAL, "dashdot"),
    "embedding_source": ("mean input embedding, from all of the source", TEAL, "dot"),
    "own_report": ("the model's own report", PINK, "dash"),
}


def by_layer(
    layers: pd.DataFrame,
    controls: pd.DataFrame,
    metric: str,
    chosen: int | None,
    chance: float = 0.5,
    looked_at: int | None = None,
    judged_on: str = "on test data",
) -> go.Figure:
    """A probe's AUROC or accuracy by layer, with its interval, the chance line and the controls.

    Args:
        layers: layer, value, low, high.
        controls: name, auroc, low, high; drawn for AUROC only, `permuted` as a band.
        metric: `AUROC` or `accuracy`.
        chosen: the layer that validation data chose, to be marked; None where each fold chose its own.
        chance: what guessing gets: 0.5, and of accuracy the share of the larger class.
        looked_at: the layer that the pages look at, marked where it is another than the chosen one.
        judged_on: in words, what the values were judged on.
    """
    figure = go.Figure()
    if metric == "AUROC":
        for row in controls.itertuples():
            if row.name == "permuted":
                figure.add_hrect(y0=row.low, y1=row.high, fillcolor=FAINT, line_width=0, layer="below")
                figure.add_trace(_swatch(f"permuted labels, 95 % (mean {row.auroc:.2f})"))
            else:
                name, colour, dash = CONTROL[row.name]
                figure.add_trace(
                    go.Scatter(
                        x=[layers["layer"].min(), layers["layer"].max()],
                        y=[row.auroc, row.auroc],
                        mode="lines",
                        line={"color": colour, "dash": dash, "width": 1.5},
                        name=f"{name} {row.auroc:.2f}",
                        hovertemplate=f"{name}: {row.auroc:.3f} [{row.low:.3f}, {row.high:.3f}]"
                        "<extra></extra>",
                    )
                )
    figure.add_hline(y=chance, line={"color": NEUTRAL, "width": 1}, annotation_text=f"chance {chance:.2f}")
    figure.add_trace(
        band(layers["layer"], layers["low"], layers["high"], faded(POSITIVE, 0.18), name="95 % interval")
    )
    figure.add_trace(
        go.Scatter(
            x=layers["layer"],
            y=layers["value"],
            mode="lines+markers",
            line={"color": POSITIVE, "width": 2.5},
            name=f"probe, {metric} {judged_on}",
            customdata=layers[["low", "high"]],
            hovertemplate="layer %{x}<br>%{y:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}]"
            "<extra></extra>",
        )
    )
    if looked_at is not None and looked_at != chosen:
        figure.add_vline(x=looked_at, line={"color": NEUTRAL, "dash": "dot"})
    if chosen is not None:
        best = layers[layers["layer"] == chosen]
        figure.add_trace(
            go.Scatter(
                x=best["layer"],
                y=best["value"],
                mode="markers",
                marker={"size": 15, "color": SEE_THROUGH, "line": {"color": NEUTRAL, "width": 2.5}},
                name=f"layer {chosen}, chosen on validation data",
                hoverinfo="skip",
            )
        )
    figure.update_xaxes(title=LAYER_AXIS, dtick=2)
    figure.update_yaxes(title=metric, range=[0, 1.02])
    return layout(figure, 540)


def _swatch(name: str) -> go.Scatter:
    return go.Scatter(
        x=[None],
        y=[None],
        mode="markers",
        marker={"symbol": "square", "size": 12, "color": FAINT},
        name=name,
    )
