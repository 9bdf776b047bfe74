"""Puts a run's report together as one HTML page, whose size does not grow with the run."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import plotly.io
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from core.downloads import Progress, ignore_progress
from core.figures.figure import RunFigure
from core.figures.of_run import SECTIONS, FiguresOfRun, figures_of_run
from core.figures.probes import judged_table
from core.report.cells import EACH, AnswerCell, answer_cells, cut
from core.report.facts import card_of, model_of, settings_of, versions
from core.report.methods import methods
from core.report.repeat import TEMPLATE_FILE, repeat_of
from core.report.template import PAGE, SCRIPT, STYLE
from core.store.decisions import DecisionStore
from core.store.runs import Run, RunStore, now

MOST_ROWS = 100
"""Rows of a table that a report shows."""
FURTHER = (
    ("methods", "Methods"),
    ("settings", "Settings"),
    ("answers-to-read", "Answers to read"),
    ("trail", "Pruning trail"),
    ("model", "Model"),
    ("again", "Again"),
)


@dataclass(frozen=True, eq=False)
class Report:
    """A report.

    Attributes:
        html: the whole page, self-contained.
        figures: their names, in order; absent: the titles of those that the run has not.
    """

    run: str
    html: str
    figures: tuple[str, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """A table as text; `more` says what of it is left out."""

    columns: list[str]
    rows: list[list[str]]
    more: str = ""


def report_of_run(
    store: RunStore,
    run: str,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Report:
    """Everything that there is to see of a run, as one page. Fits no probe and opens no test set.

    Raises:
        StoreError, Cancelled: see `figures_of_run`.
    """
    found = figures_of_run(
        store, run, progress=lambda done, what: progress(0.9 * done, what), cancelled=cancelled
    )
    progress(0.9, "writing the page")
    made = Report(
        found.answered.run.run,
        _page(store, found),
        tuple(figure.name for figure in found.figures),
        tuple(absent.title for absent in found.absent),
    )
    progress(1.0, "done")
    return made


def _page(store: RunStore, found: FiguresOfRun) -> str:
    run = found.answered.run
    paragraphs, references = methods(found)
    plotly_js, drawing = get_plotlyjs(), _drawing(found.figures)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    trail = DecisionStore(store.cache).trail(run.run)
    return environment.from_string(PAGE).render(
        run=run,
        standing=f"{run.answers:,} answers · harvested {run.started[:16]} UTC · report of {now()[:16]} UTC",
        warnings=_warnings(found, run),
        findings=[figure.finding for figure in found.figures if figure.finding],
        contents=[("findings", "What it comes to"), *((_anchor(name), name) for name in SECTIONS), *FURTHER],
        sections=[_section(found, name) for name in SECTIONS],
        methods=paragraphs,
        references=references,
        settings=settings_of(store, run),
        each=EACH,
        cells=[_cell(cell) for cell in answer_cells(run, found.answered.labelled)],
        trail=grid(trail, "newest steps") if len(trail) else None,
        model=model_of(run),
        card=card_of(run),
        repeat=repeat_of(run),
        template_file=TEMPLATE_FILE,
        versions=versions(),
        style=Markup(STYLE),
        plotly=Markup(plotly_js),
        drawing=Markup(drawing),
        policy=_policy(plotly_js, drawing),
    )


def _section(found: FiguresOfRun, name: str) -> dict:
    figures = [figure for figure in found.figures if figure.section == name]
    return {
        "name": _anchor(name),
        "title": name,
        "figures": [
            {
                "name": figure.name,
                "title": figure.title,
                "caption": figure.caption,
                "finding": figure.finding,
                "command": figure.command,
                "height": figure.chart.layout.height or 450,
                "table": grid(figure.table, "rows", found.answered.run.run),
            }
            for figure in figures
        ],
        "absent": [absent for absent in found.absent if absent.section == name],
        "log": grid(judged_table(found.judged), "rows") if name == "Probe" and found.judged else None,
    }


def _anchor(section: str) -> str:
    return "section-" + section.lower().replace(" ", "-")


def _cell(cell: AnswerCell) -> dict:
    return {"title": cell.title, "n": f"{cell.n:,}", "shown": len(cell.answers), "table": grid(cell.answers)}


def _warnings(found: FiguresOfRun, run: Run) -> list[str]:
    told = []
    if not run.complete:
        told.append(f"The run is {run.state}: figures are of {run.answers:,} of {run.planned:,} answers.")
    if not found.judged:
        told.append("No probe was judged on this run's test questions: they stay closed, in this report too.")
    return told


def grid(table: pd.DataFrame, what: str = "rows", run: str = "") -> Grid:
    """A table as a report shows it: numbers to three places, long texts cut, at most `MOST_ROWS` rows.

    Args:
        what: the rows are called so where some are left out.
        run: of a figure's table, whose file has all rows.
    """
    more = ""
    if len(table) > MOST_ROWS:
        whole = f": `telltale figures {run} --format html --folder figures` writes all as CSV" if run else ""
        more = f"The first {MOST_ROWS} of {len(table):,} {what}{whole}."
    shown = table.head(MOST_ROWS)
    columns = [_texts(shown.iloc[:, place]) for place in range(shown.shape[1])]
    names = [str(name).replace("_", " ") for name in table.columns]
    return Grid(names, [list(row) for row in zip(*columns, strict=True)], more)


def _texts(column: pd.Series) -> list[str]:
    """A column's cells: whole numbers as such, others to three places, and a dash for what is not there."""
    known = column.dropna()
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if numeric and (known % 1 == 0).all():
        return ["–" if pd.isna(value) else f"{value:,.0f}" for value in column]
    if numeric:
        return ["–" if pd.isna(value) else f"{value:.3f}" for value in column]
    return ["–" if value is None or value is pd.NA or value != value else cut(value) for value in column]


def _drawing(figures: list[RunFigure]) -> str:
    """The script that draws: the figures as JSON in which no mark can end a script."""
    parts = [f"{json.dumps(figure.name)}: {plotly.io.to_json(figure.chart)}" for figure in figures]
    return f"const figures = {{{', '.join(parts)}}};\n{SCRIPT}"


def _policy(*scripts: str) -> str:
    """A content security policy: these scripts run, no other does, and nothing is fetched."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:"
