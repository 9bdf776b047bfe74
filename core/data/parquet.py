"""Parquet tables, read column by column, so that a small file that unpacks to a huge one is refused early.

Columns of text, numbers, truth values and times are read. Those of lists, structures or bytes are left out:
none of them can be a text or a label, and a list may hold more than any row limit tells.
"""

import io
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.errors import DataError
from core.shown import named, quoted

BATCH = 10_000
"""Rows that are unpacked at once."""


@dataclass(frozen=True)
class Limits:
    """The most that a table may have; `unpacked` are the bytes of its values."""

    rows: int
    columns: int
    cells: int
    unpacked: int


def read_parquet(content: bytes, name: str, limits: Limits) -> pd.DataFrame:
    """The table in the bytes of a Parquet file, its index the row from 1, named `row`.

    Text that stands in many rows is held once, and counted as often as it stands there.

    Args:
        name: what to call it, as a message shows it.

    Raises:
        DataError: it is damaged, larger than it may be, or has no column that can be read.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(io.BytesIO(content))
        wanted = _plain_columns(file.schema_arrow)
        _check(file.metadata, wanted, name, limits)
        # Text as a dictionary: a value that stands in a million rows is unpacked once.
        file = parquet.ParquetFile(io.BytesIO(content), read_dictionary=wanted)
        left = limits.unpacked
        read: dict[str, pd.Series] = {}
        for column in wanted:
            read[column], bytes_of_it = _read_column(file, column, left)
            left -= bytes_of_it
            if left < 0:
                raise _too_large(name, limits)
    except (
        pyarrow.ArrowException,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        NotImplementedError,
        MemoryError,
    ) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise DataError(f"{name} is not a Parquet file that can be read: {named(reason, 200)}") from error
    frame = pd.DataFrame(read)
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    return frame


def _plain_columns(schema: Any) -> list[str]:
    """The names of the columns whose type is that of a single value."""
    from pyarrow import types

    known = [types.is_string, types.is_large_string, types.is_boolean, types.is_integer]
    known += [types.is_floating, types.is_decimal, types.is_temporal, types.is_null]

    def is_plain(kind: Any) -> bool:
        if types.is_dictionary(kind):
            kind = kind.value_type
        return any(check(kind) for check in known)

    return [field.name for field in schema if is_plain(field.type)]


def _check(metadata: Any, wanted: list[str], name: str, limits: Limits) -> None:
    """Refuse by what the file says of itself what would be too large."""
    # What a file says of its columns is left unasked: pyarrow ends the whole process where that is damaged.
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    rows = max(metadata.num_rows, sum(group.num_rows for group in groups))
    if not wanted:
        raise DataError(f"{name} has no column of text, numbers or truth values")
    if len(wanted) > limits.columns:
        raise DataError(f"{name} has {len(wanted):,} columns: at most {limits.columns:,} can be read")
    for column in wanted:
        if wanted.count(column) > 1:
            raise DataError(f"{name} has two columns named {quoted(column)}: rename one")
    if rows > limits.rows:
        raise DataError(f"{name} has more than {limits.rows:,} rows: split it or take a sample")
    if rows * len(wanted) > limits.cells:
        raise DataError(f"{name} has more than {limits.cells:,} cells: leave out columns, or take a sample")
    if sum(group.total_byte_size for group in groups) > limits.unpacked:
        raise _too_large(name, limits)


def _read_column(file: Any, column: str, most: int) -> tuple[pd.Series, int]:
    """One column as pandas has it, and the bytes of its values; cut off where these are more than `most`."""
    import pyarrow

    parts, unpacked = [pd.Series(dtype=object)], 0
    for batch in file.iter_batches(BATCH, columns=[column], use_threads=False):
        array = batch.column(column)
        if pyarrow.types.is_dictionary(array.type):
            unpacked += _text_bytes(array)
            parts.append(_as_objects(array))
        else:
            unpacked += array.nbytes
            parts.append(array.to_pandas())
        if unpacked > most:
            break
    return pd.concat(parts[1:] or parts, ignore_index=True), unpacked


def _text_bytes(array: Any) -> int:
    """The bytes that a dictionary's texts take, each as often as it stands in the array."""
    from pyarrow import compute, types

    kind = array.type.value_type
    if not (types.is_string(kind) or types.is_large_string(kind)):
        return array.nbytes
    return compute.sum(compute.take(compute.binary_length(array.dictionary), array.indices)).as_py() or 0


def _as_objects(array: Any) -> pd.Series:
    """A dictionary array's values, None where one is missing; equal ones are one object."""
    known = [*array.dictionary.to_pandas().tolist(), None]
    places = array.indices.fill_null(len(known) - 1).to_pylist()
    return pd.Series([known[place] for place in places], dtype=object)


def _too_large(name: str, limits: Limits) -> DataError:
    return DataError(f"{name} unpacks to more than {limits.unpacked:,} bytes: split it or take a sample")
