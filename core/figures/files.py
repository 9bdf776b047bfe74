"""The figures of a run as files: each as a picture or page, and the data behind it as CSV beside it."""

from pathlib import Path
from typing import Literal, get_args

import plotly.graph_objects as go

from core.charts.style import shown
from core.csv_text import to_csv
from core.errors import StoreError
from core.figures.figure import RunFigure
from core.figures.pictures import write_pictures
from core.shown import LONGEST_PATH, named

Format = Literal["png", "svg", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)
WIDTH = 1000
"""Pixels."""
LETTERS, LINE = 150, 16
"""Of a line of the caption below a picture, and its height in pixels."""
BELOW = 60
"""Pixels for the x axis with its title, above the caption."""


def write_figures(figures: list[RunFigure], folder: Path, format: Format) -> list[Path]:
    """Write figures to a folder, which is made where it is missing; gives their files, CSV files too.

    Pages share one plotly.js, which lies beside them: they open without a network.

    Raises:
        StoreError: an unknown format, a folder that cannot be written, or see `write_pictures`.
    """
    if format not in FORMATS:
        raise StoreError(f"unknown format {named(format)}: choose {', '.join(FORMATS)}")
    charts = {folder / f"{figure.name}.{format}": captioned(figure) for figure in figures}
    tables = {folder / f"{figure.name}.csv": figure.table for figure in figures}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if format == "html":
            for path, chart in charts.items():
                chart.write_html(path, include_plotlyjs="directory", config={"displaylogo": False})
        else:
            write_pictures(charts)
        for path, table in tables.items():
            to_csv(table, path)
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"{named(folder, LONGEST_PATH)} cannot be written: {reason}") from error
    return sorted([*charts, *tables])


def captioned(figure: RunFigure) -> go.Figure:
    """The chart with its title, finding and caption below it, for where no page says them."""
    told = shown(f"{figure.finding} {figure.caption}".strip(), LETTERS, 4000)
    caption = LINE * (told.count("<br>") + 2)
    chart = go.Figure(figure.chart)
    height = (chart.layout.height or 450) + BELOW + caption
    chart.update_layout(
        title={
            "text": f"<b>{shown(figure.title, LETTERS)}</b><br>{told}",
            "font": {"size": 12},
            "x": 0.01,
            "xanchor": "left",
            "y": caption / height,
            "yanchor": "top",
            "yref": "container",
        },
        height=height,
        width=WIDTH,
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin={"b": BELOW + caption},
    )
    return chart
