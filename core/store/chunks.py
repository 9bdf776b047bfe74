"""Chunks of an array of states as files: read and checked directly, a layer of many answers at once.

The arrays are Zarr v3, and any Zarr reads them. But they are all of one kind (float32, chunks of some rows ×
one layer, each with the CRC-32C of its bytes at its end, RFC 3720), and so many small chunks are read several
times faster where each goes from its file to its place. Those that lie elsewhere
are fetched several at a time.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from pathlib import Path

import google_crc32c
import numpy as np

from core.store.chunk_bytes import CHECKSUM
from core.store.remote import Folder, RemoteFolder
from core.store.remote_chunks import RemoteChunks, chunk_name

EVERY_CHUNK = "every chunk is written"
"""Attribute of an array whose chunks are there even where they hold NaN alone: a missing one is lost."""
Read = Callable[[int, int, np.ndarray], str | None]
"""Reads a chunk, by number and layer, into its place; what is wrong with it, None where it is sound."""


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
        array: that it is of; path: of its file.
        rows: of the array that it holds; layer: of the states in it.
        fault: `missing`, `cut short`, `changed` or `unreadable`.
    """

    array: Folder
    path: Folder
    rows: range
    layer: int
    fault: str

    @property
    def in_words(self) -> str:
        """Which rows of which layer, and what is wrong."""
        return f"layer {self.layer} of answers {self.rows[0]} to {self.rows[-1]} is {self.fault}"


def layout_of(array: Folder) -> Layout:
    """The layout of the array in a folder.

    Raises:
        OSError, ValueError, KeyError: its description is missing or damaged.
    """
    described = array / "zarr.json"
    if isinstance(described, RemoteFolder):
        return _read_layout(described.read_text())
    return _layout(described, described.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _layout(described: Path, _changed: int) -> Layout:
    return _read_layout(described.read_text(encoding="utf-8"))


def _read_layout(description: str) -> Layout:
    found = json.loads(description)
    rows, layers, width = found["shape"]
    each = found["chunk_grid"]["configuration"]["chunk_shape"][0]
    return Layout(rows, layers, each, width, bool(found.get("attributes", {}).get(EVERY_CHUNK)))


def read_layer(array: Folder, layout: Layout, layer: int, rows: np.ndarray) -> np.ndarray:
    """One layer of some rows, (rows, width) float32; beside what is returned one chunk is in memory,
    or of an array that lies elsewhere a few.

    Args:
        layout: of the array.
        rows: their numbers, in any order.

    Raises:
        BadChunkError: a chunk is missing, cut short or changed.
        StatesOutOfReach: the array lies elsewhere and cannot be reached.
        IndexError: the array has no such row.
        OSError: a file cannot be read.
    """
    if len(rows) and not 0 <= rows.min() <= rows.max() < layout.rows:
        raise IndexError(f"the array has {layout.rows:,} rows")
    found = np.empty((len(rows), layout.width), dtype=np.float32)
    scratch = np.empty((layout.each, layout.width), dtype=np.float32)
    chunks = list(_by_chunk(rows, layout.each))
    read = _reader(array, layout, ((number, layer) for number, _ in chunks))
    for number, places in chunks:
        whole = isinstance(places, slice) and places.stop - places.start == layout.each
        into = found[places] if whole else scratch
        if (fault := read(number, layer, into)) is not None:
            raise BadChunkError(_bad(array, layout, number, layer, fault).in_words)
        if not whole:
            found[places] = scratch[rows[places] - number * layout.each]
    return found


def bad_chunks(array: Folder, rows: Iterable[int], layer: int | None = None) -> Iterator[BadChunk]:
    """The unsound chunks of an array among those that hold some of the rows.

    Args:
        array: its folder.
        rows: that were committed; chunks without any are not looked at.
        layer: look at this one alone; None for all.

    Raises:
        OSError, ValueError, KeyError: see `layout_of`.
        StatesOutOfReach: see `read_layer`.
    """
    layout = layout_of(array)
    scratch = np.empty((layout.each, layout.width), dtype=np.float32)
    numbers = sorted({row // layout.each for row in rows})
    layers = range(layout.layers) if layer is None else (layer,)
    read = _reader(array, layout, product(numbers, layers))
    for number, at in product(numbers, layers):
        if (fault := read(number, at, scratch)) is not None:
            yield _bad(array, layout, number, at, fault)


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


def _bad(array: Folder, layout: Layout, number: int, layer: int, fault: str) -> BadChunk:
    held = range(number * layout.each, min((number + 1) * layout.each, layout.rows))
    return BadChunk(array, array / chunk_name(number, layer), held, layer, fault)


def _reader(array: Folder, layout: Layout, wanted: Iterator[tuple[int, int]]) -> Read:
    """Reads chunks of an array in the order in which they are wanted, each by number and layer."""
    if isinstance(array, RemoteFolder):
        return RemoteChunks(array, wanted, layout.each * layout.width * 4).read
    return partial(_fault, array, layout)


def _fault(array: Path, layout: Layout, number: int, layer: int, into: np.ndarray) -> str | None:
    """Read a chunk, (rows of a chunk, width), NaN where it was never written; what is wrong with it."""
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
