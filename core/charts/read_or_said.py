"""Charts of read or said: a data frame of layers in, a Plotly figure out."""

import pandas as pd
import plotly.graph_objects as go

from core.charts.style import FAINT, GREEN, LAYER_AXIS, NEUTRAL, OCHRE, PURPLE, band, layout, shown

READ, SAID = GREEN, PURPLE
"""What was read, and what is said; blue and orange stay the choices' own."""
DIRECTION, LENS = NEUTRAL, OCHRE


def follows(
    layers: pd.DataFrame, crossover: int | None, ci: tuple[int, int] | None, last_common: int | None
) -> go.Figure:
    """β_read and β_said by layer with their intervals, and where the second takes over.

    Args:
        layers: layer, and beta_read and beta_said with _low and _high.
        crossover, ci: the layer and its 95 % interval.
        last_common: layers up to it are shaded.
    """
    figure = go.Figure()
    for name, key, colour in (("what was read", "read", READ), ("what is being said", "said", SAID)):
        low, high = layers[f"beta_{key}_low"], layers[f"beta_{key}_high"]
        figure.add_trace(band(layers["layer"], low, high, colour, opacity=0.15, showlegend=False))
        _line(figure, layers, f"beta_{key}", colour, f"follows {name} (β_{key})", 2.5)
    figure.add_hline(y=0, line={"color": NEUTRAL, "width": 1})
    if crossover is not None:
        if ci is not None and ci[1] > ci[0]:
            figure.add_vrect(x0=ci[0], x1=ci[1], fillcolor=SAID, opacity=0.08, line_width=0, layer="below")
        figure.add_vline(
            x=crossover,
            line={"color": NEUTRAL, "width": 1.5, "dash": "dash"},
            annotation_text=f"crossover: layer {crossover}",
            annotation_position="top left",
        )
    _shade(figure, last_common)
    figure.update_xaxes(title=LAYER_AXIS, dtick=2)
    figure.update_yaxes(title="β, standardised", range=[-1.08, 1.08])
    return layout(figure, 400)


def readable(
    layers: pd.DataFrame, beside: pd.DataFrame | None, beside_name: str, last_common: int | None
) -> go.Figure:
    """AUROCs by layer: of the honest-trained direction on truth, of probes of both modes, of the lens.

    Args:
        layers: layer, and truth_honest, truth_lie, truth_both, said_both, truth_lens, said_lens with _low
            and _high.
        beside: the same of another run, drawn thin and dotted; None for none.
    """
    figure = go.Figure()
    curves = (
        ("truth_both", "truth, by a probe trained on both modes", READ, "solid"),
        ("said_both", "what is said, by a probe trained on both modes", SAID, "solid"),
        ("truth_honest", "truth under honest, by the honest-trained direction", DIRECTION, "solid"),
        ("truth_lie", "truth under lie, by the honest-trained direction", DIRECTION, "dash"),
        ("said_lens", "what is said, by the logit lens", LENS, "solid"),
        ("truth_lens", "truth, by the logit lens", LENS, "dash"),
    )
    figure.add_hline(y=0.5, line={"color": NEUTRAL, "width": 1}, annotation_text="chance 0.50")
    for key, name, colour, dash in curves:
        if layers[key].notna().any():
            _line(figure, layers, key, colour, name, 2.2, dash)
    if beside is not None:
        other = shown(beside_name)
        _line(figure, beside, "truth_both", READ, f"{other}: truth, both modes", 1.4, "dot")
        _line(figure, beside, "truth_lie", DIRECTION, f"{other}: truth under lie", 1.4, "dot")
    _shade(figure, last_common)
    figure.update_xaxes(title=LAYER_AXIS, dtick=2)
    figure.update_yaxes(title="AUROC, both modes pooled unless named", range=[0, 1.02])
    return layout(figure, 480)


def _line(
    figure: go.Figure,
    layers: pd.DataFrame,
    key: str,
    colour: str,
    name: str,
    width: float,
    dash: str = "solid",
) -> None:
    figure.add_trace(
        go.Scatter(
            x=layers["layer"],
            y=layers[key],
            mode="lines+markers" if dash == "solid" else "lines",
            marker={"size": 5},
            line={"color": colour, "width": width, "dash": dash},
            name=name,
            customdata=layers[[f"{key}_low", f"{key}_high"]],
            hovertemplate="layer %{x}<br>%{y:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}]"
            "<extra>%{fullData.name}</extra>",
        )
    )


def _shade(figure: go.Figure, last_common: int | None) -> None:
    if last_common is not None:
        figure.add_vrect(
            x0=-0.5,
            x1=last_common + 0.5,
            fillcolor=FAINT,
            line_width=0,
            layer="below",
            annotation_text="cannot differ from the plain model" if last_common > 3 else "as plain",
            annotation_position="bottom left",
        )
