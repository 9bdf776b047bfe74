"""States in columns of a Hugging Face dataset folder, and its other columns as a table of labels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from core.data.tables import MAX_ROWS
from core.errors import DataError
from core.exchange.layer_names import in_layer_order
from core.exchange.state_source import StateSource, as_float32, check_floats, check_shape
from core.shown import listed, named, quoted

STATES = "states"
PREFIX = "prompt."
"""Of a column's name in an export of Telltale's own, before the layer's."""


def open_dataset(folder: Path) -> Any:
    """A dataset that `save_to_disk` wrote.

    Raises:
        DataError: it cannot be opened, has several splits, or more than 1,000,000 rows.
    """
    from datasets import Dataset, load_from_disk

    where = named(folder.name)
    try:
        found = load_from_disk(str(folder))
    except Exception as error:  # the library passes on whatever its parsing layers raise
        reason = named(str(error).partition("\n")[0] or type(error).__name__, 200)
        raise DataError(f"{where} cannot be opened as a dataset: {reason}") from error
    if not isinstance(found, Dataset):
        raise DataError(f"{where} has the splits {listed(list(found))}: name the folder of one of them")
    if len(found) > MAX_ROWS:
        raise DataError(f"{where} has {len(found):,} rows: at most {MAX_ROWS:,} can be read")
    return found


def dataset_source(dataset: Any, folder: Path) -> StateSource:
    """The states in a dataset: a column `states` of layers × values, or a column for each layer.

    Raises:
        DataError: there is no such column, or its rows are not all of one shape.
    """
    where = named(folder.name)
    columns = states_columns(dataset, where)
    nested = columns == [STATES]
    rows = len(dataset)

    def block(start: int, stop: int) -> np.ndarray:
        table = _rows(dataset, columns, start, stop, where)
        parts = [_values(table.column(name), 3 if nested else 2, name, where) for name in columns]
        widths = {part.shape[-1] for part in parts}
        if len(widths) > 1:
            raise DataError(
                f"{where} has states of {listed([str(w) for w in sorted(widths)])} values: make them alike"
            )
        return parts[0] if nested else np.stack(parts, axis=1)

    if not rows:
        raise DataError(f"{where} has no rows: there are no states in it")
    _, layers, width = block(0, 1).shape
    check_shape(where, rows, layers, width)

    def blocks(at_once: int) -> Iterator[np.ndarray]:
        for start in range(0, rows, at_once):
            found = block(start, min(start + at_once, rows))
            if found.shape[1:] != (layers, width):
                raise DataError(
                    f"{where} has states of {found.shape[1]} × {found.shape[2]} from row {start + 1} on, and "
                    f"of {layers} × {width} in the first: make them alike"
                )
            yield found

    return StateSource(rows, layers, width, blocks)


def states_columns(dataset: Any, where: str) -> list[str]:
    """The columns with states, in the order of their layers; raises `DataError` where there are none."""
    if STATES in dataset.column_names:
        return [STATES]
    by_name = {name.removeprefix(PREFIX): name for name in dataset.column_names}
    return [by_name[name] for name in in_layer_order(by_name, where)]


def plain_columns(dataset: Any) -> list[str]:
    """The names of a dataset's columns that hold single values."""
    from datasets import ClassLabel, Value

    return [name for name, kind in dataset.features.items() if isinstance(kind, Value | ClassLabel)]


def labels_of_dataset(dataset: Any, where: str) -> pd.DataFrame:
    """The columns of a dataset that hold single values, its rows numbered from 1; classes by their names."""
    from datasets import ClassLabel

    features, plain = dataset.features, plain_columns(dataset)
    if not plain:
        raise DataError(f"{where} has no column beside its states: name a table with --labels")
    frame = _rows(dataset, plain, 0, len(dataset), where).to_pandas()
    for name in plain:
        if isinstance(features[name], ClassLabel):
            names = features[name].names
            frame[name] = [names[int(v)] if 0 <= v < len(names) else None for v in frame[name]]
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    return frame


def _rows(dataset: Any, columns: list[str], start: int, stop: int, where: str) -> pyarrow.Table:
    """Some rows of some columns, every offset and text of them checked: a damaged one would end the process.

    Raises:
        DataError: they are damaged.
    """
    try:
        table = dataset.select_columns(columns).with_format("arrow")[start:stop]
        table.validate(full=True)
    except (pyarrow.ArrowException, OSError, ValueError, IndexError, TypeError) as error:
        raise DataError(f"{where} cannot be read: {named(error, 200)}") from error
    return table


def _values(column: pyarrow.ChunkedArray, dimensions: int, name: str, where: str) -> np.ndarray:
    """A column's lists as an array of so many dimensions, float32.

    Raises:
        DataError: it holds no lists of numbers, not all of one length, or one is missing.
    """
    called = f"column {quoted(name)} of {where}"
    array = column.combine_chunks()
    if isinstance(array, pyarrow.ChunkedArray):
        array = pyarrow.concat_arrays(array.chunks)
    array = getattr(array, "storage", array)
    shape = [len(array)]
    for _ in range(dimensions - 1):
        kind = array.type
        if not (
            pyarrow.types.is_fixed_size_list(kind)
            or pyarrow.types.is_list(kind)
            or pyarrow.types.is_large_list(kind)
        ):
            raise DataError(f"{called} holds {kind}: expected lists of floating-point numbers")
        if array.null_count:
            raise DataError(f"{called} has rows without states: leave them out")
        inner = array.flatten()
        lengths = set(array.value_lengths().to_pylist())
        if len(lengths) > 1:
            raise DataError(
                f"{called} has lists of {min(lengths):,} and of {max(lengths):,} values: make them alike"
            )
        shape.append(lengths.pop() if lengths else 0)
        array = inner
    if array.null_count:
        raise DataError(f"{called} has values that are missing: leave those rows out")
    values = array.to_numpy(zero_copy_only=False)
    check_floats(called, values.dtype)
    return as_float32(values.reshape(shape))
