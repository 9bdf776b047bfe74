"""Whether the chunks of an array on disk are whole: each ends in the CRC-32C of its bytes (RFC 3720).

Files are read as they are, a chunk at a time, without Zarr.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

from core.store.arrays import EVERY_CHUNK

CHECKSUM = 4
FLOAT = 4


@dataclass(frozen=True)
class BadChunk:
    """A chunk that cannot be read.

    Attributes:
        rows: of the array that it holds; layer: of the states in it.
        fault: `missing`, `cut short` or `changed`.
    """

    path: Path
    rows: range
    layer: int
    fault: str

    @property
    def in_words(self) -> str:
        """Which rows of which layer, and what is wrong."""
        return f"layer {self.layer} of answers {self.rows[0]} to {self.rows[-1]} is {self.fault}"


@dataclass(frozen=True)
class _Shape:
    rows: int
    layers: int
    each: int
    width: int
    every_chunk: bool


def bad_chunks(array: Path, rows: Iterable[int], layer: int | None = None) -> Iterator[BadChunk]:
    """The unsound chunks of an array among those that hold some of the rows.

    Args:
        array: its folder.
        rows: that were committed; chunks without any are not looked at.
        layer: look at this one alone; None for all.

    Raises:
        OSError, ValueError, KeyError: the array's description is missing or damaged.
    """
    shape = _shape(array)
    layers = range(shape.layers) if layer is None else (layer,)
    for number in sorted({row // shape.each for row in rows}):
        chunks = array / "c" / str(number)
        if not (shape.every_chunk or chunks.is_dir()):
            continue  # older runs wrote no chunks for positions that none of the answers had
        held = range(number * shape.each, min((number + 1) * shape.each, shape.rows))
        for at in layers:
            path = chunks / str(at) / "0"
            if (fault := _fault(path, shape.each * shape.width * FLOAT)) is not None:
                yield BadChunk(path, held, at, fault)


def _shape(array: Path) -> _Shape:
    described = json.loads((array / "zarr.json").read_text(encoding="utf-8"))
    rows, layers, width = described["shape"]
    each = described["chunk_grid"]["configuration"]["chunk_shape"][0]
    return _Shape(rows, layers, each, width, bool(described.get("attributes", {}).get(EVERY_CHUNK)))


def _fault(path: Path, size: int) -> str | None:
    """What is wrong with a chunk of so many bytes; None where it is sound."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return "missing"
    if len(content) != size + CHECKSUM:
        return "cut short"
    stored = int.from_bytes(content[-CHECKSUM:], "little")
    return None if google_crc32c.value(content[:-CHECKSUM]) == stored else "changed"
