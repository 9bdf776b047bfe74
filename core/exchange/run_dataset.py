"""A run as a Hugging Face dataset folder, which `datasets.load_from_disk` opens, states included."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow

from core.downloads import Progress, ignore_progress
from core.errors import StoreError
from core.exchange.layer_names import layer_name
from core.exchange.run_parts import RunParts, check_going_on, check_wanted, parts_of_run
from core.exchange.whole_folder import written_whole
from core.store.runs import RunStore

ROWS = 256
"""Answers that are in memory together, with all their states that are wanted."""


@dataclass(frozen=True)
class ExportedDataset:
    """What was written: the run, how many answers, and the columns with states."""

    run: str
    folder: Path
    answers: int
    columns: tuple[str, ...]


def states_column(position: str, layer: int) -> str:
    """The name of the column with a layer's states at a position: `prompt.blocks.17.hook_resid_post`."""
    return f"{position}.{layer_name(layer)}"


def export_dataset(
    store: RunStore,
    run: str,
    target: Path,
    positions: Sequence[str] = ("prompt",),
    layers: Sequence[int] | None = None,
    *,
    pruned: bool = False,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> ExportedDataset:
    """Write a run's labelled answers with their states as a dataset folder, whole or not at all.

    Args:
        positions: whose states are taken out.
        layers: the same; None for all.
        pruned: leave out what people dropped, from all data or from training data, and what is not finite.

    Raises:
        StoreError: no such run, position or layer, a run without answers or with damaged states, or a target
            that is there already or cannot be written.
        Cancelled: `cancelled` said so.
    """
    from datasets import Dataset

    parts = without_dropped(parts_of_run(store, run)) if pruned else parts_of_run(store, run)
    chosen = range(parts.layers) if layers is None else tuple(dict.fromkeys(layers))
    wanted = [(position, layer) for position in dict.fromkeys(positions) for layer in chosen]
    check_wanted(parts, positions, chosen)

    def told(batches: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        done = 0
        for batch in batches:
            check_going_on(cancelled)
            yield batch
            done += batch.num_rows
            progress(done / len(parts.answers), f"{done:,} of {len(parts.answers):,} answers")

    with written_whole(target) as folder:
        schema = _schema(parts, wanted)
        first = folder.with_name("first.arrow")
        _write(first, schema, islice(_batches(parts, wanted, schema), 1))
        # What the library says of a dataset it says of the first rows: all of them it would map into memory.
        with _without_bars():
            Dataset.from_file(str(first)).save_to_disk(str(folder))
        (data,) = folder.glob("*.arrow")
        with pyarrow.ipc.open_stream(data) as described:
            schema = described.schema
        _write(data, schema, told(_batches(parts, wanted, schema)))
        parts.write_record(folder)
    columns = tuple(states_column(*pair) for pair in wanted)
    return ExportedDataset(parts.run.run, target, len(parts.answers), columns)


def without_dropped(parts: RunParts) -> RunParts:
    """The same run without the answers that are dropped.

    Raises:
        StoreError: none is left.
    """
    kept = parts.answers[~(parts.answers["dropped"] | parts.answers["dropped_outcome"])]
    if kept.empty:
        raise StoreError(f"all answers of run {parts.run.run} are dropped: there is nothing to export")
    return replace(parts, answers=kept.reset_index(drop=True))


@contextmanager
def _without_bars() -> Iterator[None]:
    """The library draws no bar of its own meanwhile; those of other datasets stay as they were."""
    from datasets import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _schema(parts: RunParts, wanted: Sequence[tuple[str, int]]) -> pyarrow.Schema:
    state = pyarrow.list_(pyarrow.float32(), parts.d_model)
    return pyarrow.schema([*parts.schema(), *(pyarrow.field(states_column(*pair), state) for pair in wanted)])


def _write(path: Path, schema: pyarrow.Schema, batches: Iterable[pyarrow.RecordBatch]) -> None:
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _batches(
    parts: RunParts, wanted: Sequence[tuple[str, int]], schema: pyarrow.Schema
) -> Iterator[pyarrow.RecordBatch]:
    answers = parts.schema()
    for part in parts.parts(ROWS):
        columns = pyarrow.RecordBatch.from_pandas(part, schema=answers, preserve_index=False).columns
        numbers = part["answer"].to_numpy()
        for position, layer in wanted:
            states = parts.store.layer(parts.run.run, position, layer, numbers)
            flat = pyarrow.array(np.ascontiguousarray(states).reshape(-1))
            columns.append(pyarrow.FixedSizeListArray.from_arrays(flat, parts.d_model))
        yield pyarrow.RecordBatch.from_arrays(columns, schema=schema)
