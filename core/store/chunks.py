"""Chunks of an array of states as files: read and checked directly, a layer of many answers at once.

The arrays are Zarr v3, and any Zarr reads them. But they are all of one kind (float32, chunks of some rows ×
one layer, each with the CRC-32C of its bytes at its end, RFC 3720), and so many small chunks are read several
times faster where each goes from its file to its place.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import google_crc32c
import numpy as np

from core.store.arrays import EVERY_CHUNK

CHECKSUM = 4
FLOAT = 4


class BadChunkError(OSError):
    """A chunk that cannot be read; its message says which and why."""


@dataclass(frozen=True)
class Layout:
    """What an array's description says.

    Attributes:
        rows, layers, width: its shape; each: rows of a chunk.
        every_chunk: whether a chunk that is missing is lost; in older runs it may hold NaN alone.
    """

    rows: int
    layers: int
    each: int
    width: int
    every_chunk: bool


@dataclass(frozen=True)
class BadChunk:
    """A chunk that cannot be read.

    Attributes:
        rows: of the array that it holds; layer: of the states in it.
        fault: `missing`, `cut short`, `changed` or `unreadable`.
    """

    path: Path
    rows: range
    layer: int
    fault: str

    @property
    def in_words(self) -> str:
        """Which rows of which layer, and what is wrong."""
        return f"layer {self.layer} of answers {self.rows[0]} to {self.rows[-1]} is {self.fault}"


def layout_of(array: Path) -> Layout:
    """The layout of the array in a folder.

    Raises:
        OSError, ValueError, KeyError: its description is missing or damaged.
    """
    described = array / "zarr.json"
    return _layout(described, described.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _layout(described: Path, _changed: int) -> Layout:
    found = json.loads(described.read_text(encoding="utf-8"))
    rows, layers, width = found["shape"]
    each = found["chunk_grid"]["configuration"]["chunk_shape"][0]
    return Layout(rows, layers, each, width, bool(found.get("attributes", {}).get(EVERY_CHUNK)))


def read_layer(array: Path, layer: int, rows: np.ndarray) -> np.ndarray:
    """One layer of some rows, (rows, width) float32; beside what is returned one chunk is in memory.

    Args:
        rows: their numbers, in any order.

    Raises:
        BadChunkError: a chunk is missing, cut short or changed.
        IndexError: the array has no such row.
        OSError, ValueError, KeyError: see `layout_of`, or a file that cannot be read.
    """
    layout = layout_of(array)
    if len(rows) and not 0 <= rows.min() <= rows.max() < layout.rows:
        raise IndexError(f"the array has {layout.rows:,} rows")
    found = np.empty((len(rows), layout.width), dtype=np.float32)
    scratch = np.empty((layout.each, layout.width), dtype=np.float32)
    for number, places in _by_chunk(rows, layout.each):
        whole = isinstance(places, slice) and places.stop - places.start == layout.each
        into = found[places] if whole else scratch
        _read_chunk(array, layout, number, layer, into)
        if not whole:
            found[places] = scratch[rows[places] - number * layout.each]
    return found


def bad_chunks(array: Path, rows: Iterable[int], layer: int | None = None) -> Iterator[BadChunk]:
    """The unsound chunks of an array among those that hold some of the rows.

    Args:
        array: its folder.
        rows: that were committed; chunks without any are not looked at.
        layer: look at this one alone; None for all.

    Raises:
        OSError, ValueError, KeyError: see `layout_of`.
    """
    layout = layout_of(array)
    scratch = np.empty((layout.each, layout.width), dtype=np.float32)
    for number in sorted({row // layout.each for row in rows}):
        for at in range(layout.layers) if layer is None else (layer,):
            if (fault := _fault(array, layout, number, at, scratch)) is not None:
                held = range(number * layout.each, min((number + 1) * layout.each, layout.rows))
                yield BadChunk(_path(array, number, at), held, at, fault)


def _by_chunk(rows: np.ndarray, each: int) -> Iterator[tuple[int, slice | np.ndarray]]:
    """The number of each chunk that is needed, and the places in `rows` of what it holds."""
    if not len(rows):
        return
    numbers = rows // each
    if (np.diff(rows) == 1).all():
        bounds = np.searchsorted(numbers, np.arange(numbers[0], numbers[-1] + 2))
        for place, (start, end) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
            yield int(numbers[0]) + place, slice(start, end)
        return
    order = np.argsort(numbers, kind="stable")
    wanted, starts = np.unique(numbers[order], return_index=True)
    yield from zip(wanted.tolist(), np.split(order, starts[1:]), strict=True)


def _path(array: Path, number: int, layer: int) -> Path:
    return array / "c" / str(number) / str(layer) / "0"


def _read_chunk(array: Path, layout: Layout, number: int, layer: int, into: np.ndarray) -> None:
    """A chunk's states, (rows of a chunk, width), into their place; NaN where it was never written."""
    if (fault := _fault(array, layout, number, layer, into)) is None:
        return
    held = range(number * layout.each, min((number + 1) * layout.each, layout.rows))
    raise BadChunkError(BadChunk(_path(array, number, layer), held, layer, fault).in_words)


def _fault(array: Path, layout: Layout, number: int, layer: int, into: np.ndarray) -> str | None:
    """Read a chunk, (rows of a chunk, width); what is wrong with it, None where it is sound."""
    stored = bytearray(CHECKSUM)
    try:
        handle = os.open(f"{array}/c/{number}/{layer}/0", os.O_RDONLY)
    except FileNotFoundError:
        if layout.every_chunk or os.path.isdir(f"{array}/c/{number}"):
            return "missing"
        into[:] = np.nan  # older runs wrote no chunks for positions that none of the answers had
        return None
    except OSError:
        return "unreadable"
    try:
        content = into.view(np.uint8)
        read = os.readv(handle, [content.data, stored])
        if read != into.nbytes + CHECKSUM or os.fstat(handle).st_size != read:
            return "cut short"
    except OSError:
        return "unreadable"
    finally:
        os.close(handle)
    sound = google_crc32c.value(content) == int.from_bytes(stored, "little")
    return None if sound else "changed"
