"""The chart of transfer: a data frame of cells in, a Plotly figure out."""

import pandas as pd
import plotly.graph_objects as go

from core.charts.style import BROWN, TEAL, layout, shown

SCALE = [[0.0, BROWN], [0.5, "#f5f5f5"], [1.0, TEAL]]
"""Below chance brown, at chance white, above it green; blue and orange stay the choices' own."""


def heat_map(cells: pd.DataFrame, names: dict[str, str]) -> go.Figure:
    """AUROC of a probe trained on each run (rows), judged on each run and mode (columns).

    Args:
        cells: of `core.probes.transfer.to_frame`.
        names: what to call each run.
    """
    rows = list(dict.fromkeys(cells["trained"]))
    columns = list(dict.fromkeys(zip(cells["judged"], cells["mode"], strict=True)))
    cell = {(c["trained"], (c["judged"], c["mode"])): c for c in cells.to_dict("records")}
    table = [[cell[row, column] for column in columns] for row in rows]
    figure = go.Figure(
        go.Heatmap(
            z=[[c["auroc"] for c in line] for line in table],
            text=[["–" if pd.isna(c["auroc"]) else f"{c['auroc']:.2f}" for c in line] for line in table],
            texttemplate="%{text}",
            customdata=[[_hover(c) for c in line] for line in table],
            hovertemplate="%{customdata}<extra></extra>",
            colorscale=SCALE,
            zmin=0,
            zmax=1,
            colorbar={"title": "AUROC"},
            hoverongaps=True,
            xgap=2,
            ygap=2,
        )
    )
    figure.update_xaxes(
        title="judged on",
        tickvals=list(range(len(columns))),
        ticktext=[shown(f"{names[run]}, {mode}", 26) for run, mode in columns],
        side="bottom",
    )
    figure.update_yaxes(
        title="trained on",
        tickvals=list(range(len(rows))),
        ticktext=[shown(names[run], 26) for run in rows],
        autorange="reversed",
    )
    return layout(figure, 170 + 70 * len(rows))


def _hover(cell: dict) -> str:
    if pd.isna(cell["auroc"]):
        return shown(cell["why"])
    own = cell["trained"] == cell["judged"]
    return (
        "AUROC {auroc:.3f} [{low:.3f}, {high:.3f}]<br>n {n:,.0f}, {positive:,.0f} positive; trained on "
        "{n_train:,}<br>layer {layers}; ".format(**cell)
    ) + ("cross-validated" if own else "on groups that training never saw")
