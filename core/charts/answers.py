"""How answers came out, how they are spelt, and how many of each there are."""

import pandas as pd
import plotly.graph_objects as go

from core.charts.error_bars import error_bars
from core.charts.style import NEGATIVE, NEUTRAL, POSITIVE, escaped, layout, palette, tint


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
                    textfont={"size": 12},
                    constraintext="none",
                    cliponaxis=False,
                    offsetgroup=f"{truth} {name}",
                )
            )
    most = max(before["n"].max(), after["n"].max())
    figure.update_xaxes(title="mode")
    figure.update_yaxes(title="answers", range=[0, 1.2 * max(1, 0 if pd.isna(most) else most)])
    return layout(figure, 260, barmode="group")
