"""Charts: a data frame in, a Plotly figure out, nothing else. One palette, one vocabulary.

Truth is blue and orange (told apart by the colour-blind), the mode is the marker's shape, in every chart.
Text from people, datasets and models is escaped before Plotly reads it: its hover text is HTML.
"""

import html
import textwrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.error_bars import error_bars

POSITIVE, NEGATIVE, NEUTRAL = "#2166ac", "#e08214", "#8a8a8a"
INK = "#222222"
SCALE = [[0.0, NEGATIVE], [0.5, "#f4f4f4"], [1.0, POSITIVE]]
SYMBOL = {"honest": "circle", "lie": "diamond-open", "none": "cross"}
# Modes and verdicts have colours of their own: blue and orange are the choices' alone.
NAMED_COLOUR = {
    "honest": "#1b7837",
    "lie": "#b2182b",
    "none": "#c9c9c9",
    "right": "#1b7837",
    "error": "#8c510a",
    "no lie": "#a6dba0",
    "untrue, belief unsure": "#d6a3a8",
    "true, belief unsure": "#d9f0d3",
    "no choice": "#c9c9c9",
}
OTHERS = ("#762a83", "#35978f", "#bf812d", "#4d4d4d", "#c51b7d", "#7fbc41")
CONTROL = {
    "output": ("model's own output", "#8c510a", "dash"),
    "output_inverted": ("own output, inverted under lie", "#8c510a", "dot"),
    "honest_answer": ("honest answer to the same question", "#1b7837", "dash"),
    "text": ("TF-IDF on the question's text", "#762a83", "dash"),
    "length": ("length of the question's text", "#4d4d4d", "dot"),
    "embedding": ("mean input embedding of the question", "#35978f", "dash"),
    "text_source": ("TF-IDF, from all of the source", "#762a83", "dot"),
    "length_source": ("length, its sign from all of the source", "#4d4d4d", "dashdot"),
    "embedding_source": ("mean input embedding, from all of the source", "#35978f", "dot"),
    "own_report": ("the model's own report", "#c51b7d", "dash"),
}
LAYER_AXIS = "layer (0 = embedding output)"
UPRIGHT = 8
"""Columns of a heat map whose names still stand beside each other."""


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


def layout(figure: go.Figure, height: int, **changes: object) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        plot_bgcolor="white",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        **changes,
    )
    figure.update_xaxes(gridcolor="#eeeeee", zeroline=False)
    figure.update_yaxes(gridcolor="#eeeeee", zeroline=False)
    return figure


def band(x: pd.Series, low: pd.Series, high: pd.Series, fill: str, **options: object) -> go.Scatter:
    """The area between two lines over x, such as an interval; it has no hover text.

    Args:
        fill: its colour, see-through.
    """
    return go.Scatter(
        x=pd.concat([x, x[::-1]]),
        y=pd.concat([high, low[::-1]]),
        fill="toself",
        fillcolor=fill,
        line={"width": 0},
        hoverinfo="skip",
        **options,
    )


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
                figure.add_hrect(y0=row.low, y1=row.high, fillcolor="#e9e9e9", line_width=0, layer="below")
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
    figure.add_hline(y=chance, line={"color": "#444444", "width": 1}, annotation_text=f"chance {chance:.2f}")
    figure.add_trace(
        band(layers["layer"], layers["low"], layers["high"], "rgba(33,102,172,0.18)", name="95 % interval")
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
                marker={"size": 15, "color": "rgba(0,0,0,0)", "line": {"color": "#111111", "width": 2.5}},
                name=f"layer {chosen}, chosen on validation data",
                hoverinfo="skip",
            )
        )
    figure.update_xaxes(title=LAYER_AXIS, dtick=2)
    figure.update_yaxes(title=metric, range=[0, 1.02])
    return layout(figure, 470)


def _swatch(name: str) -> go.Scatter:
    return go.Scatter(
        x=[None],
        y=[None],
        mode="markers",
        marker={"symbol": "square", "size": 12, "color": "#dddddd"},
        name=name,
    )


def palette(values: list[str], choices: tuple[str, str]) -> dict[str, str]:
    """A colour for each value: the choices' own, those of modes and verdicts, and others in order."""
    fixed = NAMED_COLOUR | {choices[0]: NEGATIVE, choices[1]: POSITIVE}
    return dict(zip(values, OTHERS * (1 + len(values)), strict=False)) | fixed


def scatter(
    points: pd.DataFrame, colour: str, axes: list[str], choices: tuple[str, str], height: int = 620
) -> go.Figure:
    """One layer's answers, in two dimensions (WebGL) or three.

    Args:
        points: answer, x, y (z), mode, text, generated, said, truth, verdict, and the column to colour by:
            numbers give a scale from -2 to 2, anything else a legend.
        axes: the axes' titles; three of them draw in three dimensions.
        choices: names of the choices, negative first.
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
            kind = go.Scatter3d if len(axes) == 3 else go.Scattergl
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
            _bins(calibrated, "calibrated", "#762a83", "square"),
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
                opacity=0.35 if ended else 1.0,
                colorscale="Viridis",
                showscale=not ended,
                colorbar={"thickness": 12},
                text=texts,
                texttemplate="%{text}",
                textfont={"color": "#333333"} if ended else {},
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
            type="rect", x0=x - 0.5, x1=x + 0.5, y0=y - 0.5, y1=y + 0.5, line={"color": "#b2182b", "width": 3}
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


def outcomes(table: pd.DataFrame) -> go.Figure:
    """How open answers came out in each mode: shares with 95 % intervals and n.

    Args:
        table: mode, outcome, n, share, low, high, as `core.open_summary.outcome_table` gives it.
    """
    figure = go.Figure()
    colours = palette(sorted(set(table["mode"])), ("wrong", "right"))
    for mode, part in table.groupby("mode", sort=True):
        figure.add_trace(
            go.Bar(
                x=part["outcome"],
                y=part["share"],
                error_y=error_bars(part, "share", NEUTRAL),
                marker_color=colours[str(mode)],
                name=f"{mode} (n {int(part['n'].iloc[0])})",
            )
        )
    figure.update_xaxes(title="outcome of the answer")
    figure.update_yaxes(title="share of the mode's answers", range=[0, 1.03])
    return layout(figure, 300, barmode="group")


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
                "color": "rgba(0,0,0,0)",
                "pattern": {"shape": "/", "fgcolor": "rgba(255,255,255,0.7)", "size": 7, "solidity": 0.25},
            },
            hoverinfo="skip",
            showlegend=False,
        )
    )
    if layer is not None:
        figure.add_hrect(
            y0=layer - 0.5, y1=layer + 0.5, line={"color": "#111111", "width": 1.5}, fillcolor=None
        )
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
            line={"color": "#111111", "dash": ["solid", "dash", "dot"][number % 3]},
            annotation_text=escaped(mark.label),
            annotation_font_size=11,
            annotation_bgcolor="rgba(255,255,255,0.75)",
            annotation_yshift=-15 * (number % 6),
        )
    figure.add_vline(x=0, line={"color": NEUTRAL, "width": 1})
    figure.update_xaxes(title="probe score at the trained position (above 0: the second class)")
    figure.update_yaxes(title="training answers")
    return layout(figure, 300, barmode="overlay")


def spelling_bars(table: pd.DataFrame, single_token: bool = True) -> go.Figure:
    """Mean probability of each spelling, by choice.

    Args:
        table: choice, label (the spelling as text), mean_probability, emitted.
        single_token: probabilities are of the first token, not of whole spellings.
    """
    figure = go.Figure()
    for (choice, part), colour in zip(
        table.groupby("choice", sort=False), (NEGATIVE, POSITIVE), strict=False
    ):
        figure.add_trace(
            go.Bar(
                y=[escaped(label) for label in part["label"]],
                x=part["mean_probability"],
                orientation="h",
                marker_color=colour,
                name=escaped(choice),
                customdata=part[["emitted"]],
                hovertemplate="%{y}: mean probability %{x:.4f}, emitted %{customdata[0]}×<extra></extra>",
            )
        )
    what = "the answer's first token" if single_token else "the whole spelling with a word's end after it"
    figure.update_xaxes(title=f"mean probability of {what}")
    figure.update_yaxes(title="spelling", autorange="reversed", type="category")
    return layout(figure, max(240, 24 * len(table) + 110))


def class_balance(before: pd.DataFrame, after: pd.DataFrame, choices: tuple[str, str]) -> go.Figure:
    """How many answers of each truth are left in each mode, before and after pruning.

    Args:
        before, after: mode, truth, n.
        choices: names of the choices, negative first.
    """
    figure = go.Figure()
    for name, table in (("before", before), ("after pruning", after)):
        for truth, strong in zip(choices, (NEGATIVE, POSITIVE), strict=True):
            colour = tint(strong) if name == "before" else strong
            part = table[table["truth"] == truth]
            figure.add_trace(
                go.Bar(
                    x=part["mode"],
                    y=part["n"],
                    name=f"{escaped(truth)}, {name}",
                    marker={"color": colour},  # a faded trace would fade its counts too
                    text=part["n"],
                    textposition="outside",
                    textangle=0,
                    textfont={"color": INK, "size": 12},
                    constraintext="none",
                    cliponaxis=False,
                    offsetgroup=f"{truth} {name}",
                )
            )
    most = max(before["n"].max(), after["n"].max())
    figure.update_xaxes(title="mode")
    figure.update_yaxes(title="answers", range=[0, 1.2 * max(1, 0 if pd.isna(most) else most)])
    return layout(figure, 260, barmode="group")
