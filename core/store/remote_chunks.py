"""Chunks of an array that lies elsewhere: several are fetched or sent together, for each takes its time."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from core.store.chunk_bytes import chunk_bytes, put_chunk
from core.store.remote import RemoteFolder

TOGETHER_BYTES = 64 << 20
MOST_TOGETHER = 64


def together(chunk: int) -> int:
    """How many chunks of so many bytes are in memory and under way at once."""
    return max(1, min(MOST_TOGETHER, TOGETHER_BYTES // chunk))


class RemoteChunks:
    """Chunks of an array, read in an order that is known before.

    Args:
        wanted: row and layer of each chunk, counted in chunks, in the order in which they will be read.
        chunk: bytes of one.
    """

    def __init__(self, array: RemoteFolder, wanted: Iterator[tuple[int, int]], chunk: int) -> None:
        self.array, self._wanted, self._at_once = array, wanted, together(chunk)
        self._fetched: dict[tuple[int, int], bytes | None] = {}

    def read(self, number: int, layer: int, into: np.ndarray) -> str | None:
        """Read a chunk, (rows of a chunk, width); what is wrong with it, None where it is sound."""
        if (number, layer) not in self._fetched:
            names = list(islice(self._wanted, self._at_once))
            content = self.array.read_many([chunk_name(*name) for name in names])
            self._fetched = dict(zip(names, content, strict=True))
        return put_chunk(self._fetched.pop((number, layer)), into)


def write_chunks(array: RemoteFolder, each: int, first: int, states: np.ndarray) -> None:
    """Write rows from the first one of a chunk on, NaN up to the end of the last chunk.

    Args:
        each: rows of a chunk.
        states: (rows, layers, width).
    """
    names = [(start, layer) for start in range(0, len(states), each) for layer in range(states.shape[1])]
    at_once = together(each * states.shape[2] * 4)
    for place in range(0, len(names), at_once):
        content = {}
        for start, layer in names[place : place + at_once]:
            part = states[start : start + each, layer]
            whole = np.full((each, states.shape[2]), np.nan, dtype=np.float32)
            whole[: len(part)] = part
            content[chunk_name((first + start) // each, layer)] = chunk_bytes(whole)
        array.write_many(content)


def chunk_name(number: int, layer: int) -> str:
    """The file of a chunk below its array's folder, as Zarr names it."""
    return f"c/{number}/{layer}/0"
