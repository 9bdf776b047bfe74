"""Where an elicitation stands: rung by rung, who was judged on what, who went on, and who won.

Computed from the stored answers alone, by the same function while the search runs and when it is looked at.
"""

from dataclasses import dataclass

import pandas as pd

from core.elicit.figures import CellFigures, cell_figures
from core.elicit.grid import Cell
from core.elicit.halving import kept, rung_sizes
from core.elicit.settings import MODES, ElicitSettings
from core.elicit.store import Elicitation


@dataclass(frozen=True)
class CellResult:
    """One cell in one rung.

    Attributes:
        number: the cell's place in the grid.
        went_on: whether it was among the better half; in the last rung, whether it won.
    """

    number: int
    cell: Cell
    figures: CellFigures
    went_on: bool


@dataclass(frozen=True)
class Rung:
    """One finished rung: its cells, best first, all judged on the same questions."""

    questions: int
    results: tuple[CellResult, ...]


@dataclass(frozen=True)
class Outcome:
    """How far a search is.

    Attributes:
        sizes: questions of each rung, planned.
        rungs: the finished ones.
        next_cells: numbers of the cells of the rung under way; empty once there is a winner.
    """

    cells: tuple[Cell, ...]
    sizes: tuple[int, ...]
    rungs: tuple[Rung, ...]
    next_cells: tuple[int, ...]

    @property
    def winner(self) -> CellResult | None:
        """The best cell of the last rung; None while the search is not finished."""
        return None if self.next_cells else self.rungs[-1].results[0]

    @property
    def standing(self) -> list[CellResult]:
        """Each judged cell once, by its last rung: cells of later rungs first, the best first in each."""
        seen: dict[int, CellResult] = {}
        for rung in reversed(self.rungs):
            for result in rung.results:
                seen.setdefault(result.number, result)
        return list(seen.values())


def outcome_of(settings: ElicitSettings, cells: tuple[Cell, ...], answers: pd.DataFrame) -> Outcome:
    """The finished rungs, and what comes next.

    Ties in score, mean and mass are broken by the grid's order.

    Args:
        answers: what `ElicitStore.answers` gives.
    """
    sizes = rung_sizes(len(cells), settings.n, settings.start)
    alive = tuple(range(len(cells)))
    rungs: list[Rung] = []
    of_cell = dict(list(answers.groupby("cell")))
    for place, size in enumerate(sizes):
        judged = {}
        for number in alive:
            part = of_cell.get(number)
            asked = None if part is None else part[part["number"] < size]
            if asked is None or len(asked) < size * len(MODES):
                return Outcome(cells, sizes, tuple(rungs), alive)
            judged[number] = cell_figures(asked)
        ranked = sorted(alive, key=lambda number: (*(-x for x in judged[number].rank), number))
        last = place + 1 == len(sizes)
        going = set(ranked[: 1 if last else kept(len(ranked))])
        results = tuple(CellResult(n, cells[n], judged[n], n in going) for n in ranked)
        rungs.append(Rung(size, results))
        alive = () if last else tuple(sorted(going))
    return Outcome(cells, sizes, tuple(rungs), alive)


def stored_outcome(record: Elicitation, answers: pd.DataFrame) -> Outcome:
    """The outcome of a stored elicitation, finished or not."""
    cells = tuple(Cell(**values) for values in record.facts["cells"])
    return outcome_of(ElicitSettings.from_dict(record.settings), cells, answers)
