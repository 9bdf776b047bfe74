"""What both exports of a run are made of: its answers, the record of how it was made, its states in parts."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow

from core.errors import Cancelled, StoreError
from core.labels_of_run import labelled
from core.store.remarks import RemarkStore
from core.store.runs import Run, RunStore
from core.store.states import CONTINUATIONS

RECORD, README = "run.json", "README.md"
PACKAGES = ("telltale", "torch", "transformers", "numpy", "pyarrow")
"""Whose versions an export names."""
AT_ONCE = 4096
"""Answers whose states of one layer are in memory together."""


@dataclass(frozen=True, eq=False)
class RunParts:
    """A run as it is taken out.

    Attributes:
        answers: labelled, decisions laid over them, in the order of the rows of its states.
        positions: that its states were read at, continuations with both choices among them.
    """

    store: RunStore
    run: Run
    answers: pd.DataFrame
    positions: tuple[str, ...]

    @property
    def layers(self) -> int:
        """With layer 0, the embedding output."""
        return self.run.facts["layers"]

    @property
    def d_model(self) -> int:
        """Values of a state."""
        return self.run.facts["d_model"]

    def states(self, position: str, layer: int) -> Iterator[np.ndarray]:
        """One layer's states in parts, each (answers of the part, d_model) float32; NaN where there is none.

        Raises:
            StoreError: a damaged chunk.
        """
        for rows in self.parts(AT_ONCE):
            yield self.store.layer(self.run.run, position, layer, rows["answer"].to_numpy())

    def parts(self, rows: int) -> Iterator[pd.DataFrame]:
        """The answers, so many rows at once."""
        for start in range(0, len(self.answers), rows):
            yield self.answers.iloc[start : start + rows]

    def schema(self) -> pyarrow.Schema:
        """The answers' columns as Arrow has them; a column without any value is of text."""
        fields = pyarrow.Schema.from_pandas(self.answers, preserve_index=False)
        return pyarrow.schema(
            [pyarrow.field(f.name, pyarrow.string()) if pyarrow.types.is_null(f.type) else f for f in fields]
        )

    def write_record(self, folder: Path) -> None:
        """Write the run's settings, facts and remarks, and the versions of what it was exported with."""
        run, remarks = self.run, RemarkStore(self.store.cache).of(self.run.run)
        record = {
            "run": run.run,
            "title": run.title,
            "state": run.state,
            "started": run.started,
            "ended": run.ended,
            "planned": run.planned,
            "answers": len(self.answers),
            "positions": self.positions,
            "tags": remarks.tags,
            "note": remarks.note,
            "settings": run.settings,
            "facts": run.facts,
            "exported_with": {name: version(name) for name in PACKAGES},
        }
        text = json.dumps(record, indent=2, ensure_ascii=False)
        (folder / RECORD).write_text(f"{text}\n", encoding="utf-8")


def positions_of(store: RunStore, run: str) -> tuple[str, ...]:
    """The positions that a run has states at, continuations with both choices among them."""
    states = store.states(run)
    return (*states.positions(), *(CONTINUATIONS if states.contrast else ()))


def parts_of_run(store: RunStore, run: str) -> RunParts:
    """What is there of a run now; of one that is still growing the answers that are committed.

    Raises:
        StoreError: no such run, or one without answers.
    """
    record = store.run(run)
    answers = labelled(store, record.run)
    if answers.empty:
        raise StoreError(f"run {record.run} has no answers yet: there is nothing to export")
    return RunParts(store, record, answers, positions_of(store, record.run))


def check_going_on(cancelled: Callable[[], bool]) -> None:
    """Raise `Cancelled` where somebody asked an export to stop."""
    if cancelled():
        raise Cancelled("the export was cancelled: nothing of it is kept")


def check_wanted(parts: RunParts, positions: Sequence[str], layers: Sequence[int]) -> None:
    """Refuse positions and layers that a run has no states of.

    Raises:
        StoreError: names the first of them.
    """
    for position in positions:
        if position not in parts.positions:
            known = ", ".join(parts.positions)
            raise StoreError(f"run {parts.run.run} has no states at position {position!r}: choose {known}")
    for layer in layers:
        if not 0 <= layer < parts.layers:
            raise StoreError(f"there is no layer {layer}: choose 0 to {parts.layers - 1}")
