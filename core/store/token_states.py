"""States of every generated token of open answers: one Zarr array, ragged answers laid end to end by block.

A block of answers owns the places from its first row × the most tokens that an answer may have; its answers
fill them from the start without gaps, and what stays empty behind them is never written. So blocks never
share a chunk with what was committed before. An answer's row says where its tokens begin and how many there
are.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from core.errors import DamagedStates, StoreError
from core.store.arrays import create_array, write_rows
from core.store.chunks import BadChunk, BadChunkError, bad_chunks, layout_of, read_layer
from core.store.remote import Folder
from core.store.states import MENDED_BY

CHUNK = 32
NONE = "this run has no states of every token: only open answers have"


class TokenStates:
    """The token states of one run: (places, layers, d_model) float32, in chunks of 32 tokens × one layer."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def create(self, places: int, layers: int, d_model: int) -> None:
        """Make the array where it is missing.

        Args:
            places: rows of the run × the most tokens of an answer; a block's first place is a multiple of 32.

        Raises:
            StoreError: the folder cannot be written.
        """
        try:
            create_array(self.folder, (places, layers, d_model), CHUNK)
        except OSError as error:
            raise StoreError(f"token states cannot be written: {error.strerror or error}") from error

    def write(self, first_place: int, answers: list[np.ndarray]) -> None:
        """Write a block's answers, each (tokens, layers, d_model), one behind the other.

        Raises:
            StoreError: the disk is full, the folder is gone, or out of reach.
        """
        states = np.concatenate(answers) if answers else np.zeros((0, 1, 1), np.float32)
        if not len(states):
            return
        try:
            write_rows(self.folder, first_place, states)
        except (FileNotFoundError, ValueError, KeyError) as error:
            raise StoreError(NONE) from error
        except OSError as error:
            raise StoreError(
                f"token states cannot be written: {error.strerror or error}; nothing before is lost"
            ) from error

    def read(self, layer: int, first: np.ndarray, tokens: np.ndarray) -> list[np.ndarray]:
        """One layer's states of answers that begin at `first`, each (tokens, d_model), float32.

        Raises:
            StoreError: no such layer, no token states, or a damaged chunk.
        """
        try:
            layout = layout_of(self.folder)
        except (OSError, ValueError, KeyError) as error:
            raise StoreError(NONE) from error
        if not 0 <= layer < layout.layers:
            raise StoreError(f"there is no layer {layer}: choose 0 to {layout.layers - 1}")
        spans = zip(first.tolist(), tokens.tolist(), strict=True)
        places = np.concatenate(
            [np.zeros(0, dtype=int), *(np.arange(start, start + n) for start, n in spans)]
        )
        try:
            found = read_layer(self.folder, layout, layer, places)
        except BadChunkError as bad:
            raise DamagedStates(f"states of tokens: {bad}; {MENDED_BY}") from bad
        except (OSError, IndexError) as error:
            raise StoreError(f"token states of layer {layer} cannot be read: {error}") from error
        return np.split(found, np.cumsum(tokens)[:-1]) if len(tokens) else []

    @property
    def is_there(self) -> bool:
        """Whether the run has states of every token."""
        return self.folder.is_dir()

    def bad_chunks(self, places: Iterable[int]) -> Iterator[BadChunk]:
        """The chunks that hold some of these places and cannot be read."""
        if self.is_there:
            yield from bad_chunks(self.folder, places)
