"""A figure of a run: its chart, the data behind it, and what it stands on; or why there is none."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from core.downloads import Progress, ignore_progress
from core.store.runs import Run, RunStore


@dataclass(frozen=True, eq=False)
class RunFigure:
    """One figure.

    Attributes:
        name: of its files, and of no other figure of the run.
        section: what it is about, of `core.figures.of_run.SECTIONS`.
        caption: how to read it, with n and what its intervals are.
        table: the data behind the chart.
        command: what gives the same figures in a shell.
        finding: what it comes to, in a sentence with its figures; empty where it is only to be looked at.
    """

    name: str
    section: str
    title: str
    caption: str
    chart: go.Figure
    table: pd.DataFrame
    command: str
    finding: str = ""


@dataclass(frozen=True)
class Absent:
    """A figure that a run may have and this one has not: why, and the command after which it is there.

    Attributes:
        command: empty where nothing can be done about it.
    """

    section: str
    title: str
    why: str
    command: str = ""


@dataclass(frozen=True, eq=False)
class Answered:
    """A run with its answers, as figures are drawn of it.

    Attributes:
        judged: its answers with labels and flags, without any decision.
        labelled: the same with people's decisions laid over them, row by row.
        progress: is told the fraction of one figure, and what is being done.
    """

    store: RunStore
    run: Run
    judged: pd.DataFrame
    labelled: pd.DataFrame
    progress: Progress = ignore_progress

    @property
    def choices(self) -> tuple[str, str]:
        """Names of the choices, negative first."""
        negative, positive = self.run.facts["choices"]
        return negative, positive

    @property
    def open(self) -> bool:
        """Whether it asked open questions."""
        return bool(self.run.facts.get("open"))


Drawn = list[RunFigure | Absent]


def between(low: float, high: float) -> str:
    """A 95 % interval of a figure between 0 and 1, in words."""
    return f"95 %: {low:.3f} to {high:.3f}"
