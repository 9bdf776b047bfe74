"""The states of a run: one Zarr v3 array per run and position, in chunks of one block of answers × one layer.

Reading a layer does not touch the others. They are float32 whatever the model computes in: float16 would
overflow in some models' residual streams.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from core.errors import DamagedStates, StoreError
from core.store.arrays import create_array, write_rows
from core.store.chunks import BadChunk, BadChunkError, bad_chunks, layout_of, read_layer
from core.store.remote import Folder, folders_in

NAMES = ("prompt", "before", "answer", "mean")
CONTINUATIONS = ("choice_0", "choice_1")
"""The last token of each of a question's two choices, put after its prompt whatever the model said."""
MENDED_BY = (
    "`telltale doctor --repair` sets the answers aside whose states are damaged, and the same harvest makes "
    "just those again"
)
AT_ONCE = 8192
"""Answers whose states are in memory together where only their presence is asked for."""


class StateArrays:
    """The states of one run: for each position (rows, layers, d_model)."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def create(self, positions: tuple[str, ...], rows: int, layers: int, d_model: int, block: int) -> None:
        """Make the arrays that are missing; those that are there stay.

        Raises:
            StoreError: the folder cannot be written.
        """
        try:
            for position in positions:
                create_array(self.folder / position, (rows, layers, d_model), block)
        except OSError as error:
            raise StoreError(f"states cannot be written: {error.strerror or error}") from error

    def write(self, position: str, first_row: int, states: np.ndarray) -> None:
        """Write one block, (rows, layers, d_model), that begins at a chunk's first row.

        Raises:
            StoreError: the disk is full, the folder is gone, or out of reach.
        """
        self._check(position)
        try:
            write_rows(self.folder / position, first_row, states)
        except (FileNotFoundError, ValueError, KeyError) as error:
            raise StoreError(f"this run has no states at position {position!r}") from error
        except OSError as error:
            raise StoreError(
                f"states cannot be written: {error.strerror or error}; nothing before is lost"
            ) from error

    def read(self, position: str, layer: int, rows: np.ndarray) -> np.ndarray:
        """One layer's states of the answers at `rows`, (rows, d_model), float32.

        Only chunks that hold one of them are read, and beside what is returned one chunk is in memory.

        Raises:
            DamagedStates: a chunk that holds some of them is missing, cut short or changed.
            StoreError: no such position or layer.
        """
        self._check(position)
        folder = self.folder / position
        try:
            layout = layout_of(folder)
        except (OSError, ValueError, KeyError) as error:
            raise StoreError(f"this run has no states at position {position!r}") from error
        if not 0 <= layer < layout.layers:
            raise StoreError(f"there is no layer {layer}: choose 0 to {layout.layers - 1}")
        try:
            return read_layer(folder, layout, layer, np.asarray(rows, dtype=int))
        except BadChunkError as bad:
            raise DamagedStates(f"states at {position!r}: {bad}; {MENDED_BY}") from bad
        except (OSError, IndexError) as error:
            raise StoreError(f"states of layer {layer} at {position!r} cannot be read: {error}") from error

    def present(self, position: str, rows: np.ndarray) -> np.ndarray:
        """Which of the answers at `rows` have a state at a position, (rows,).

        Raises:
            StoreError: no such position, or a damaged chunk.
        """
        found = [np.zeros(0, dtype=bool)]
        for start in range(0, len(rows), AT_ONCE):
            found.append(~np.isnan(self.read(position, 0, rows[start : start + AT_ONCE])[:, 0]))
        return np.concatenate(found)

    @property
    def is_there(self) -> bool:
        """Whether the run has states at any position."""
        return self.folder.is_dir()

    def positions(self) -> tuple[str, ...]:
        """The positions of prompt and answer that were read in this run."""
        there = folders_in(self.folder)
        return tuple(p for p in NAMES if p in there)

    def bad_chunks(self, rows: Iterable[int]) -> Iterator[BadChunk]:
        """The chunks with states of some answers that cannot be read, at every position."""
        there = folders_in(self.folder)
        for name in (*NAMES, *CONTINUATIONS):
            if name in there:
                yield from bad_chunks(self.folder / name, rows)

    @property
    def contrast(self) -> bool:
        """Whether each prompt's continuations with both choices were read in this run."""
        return folders_in(self.folder).issuperset(CONTINUATIONS)

    def _check(self, position: str) -> None:
        if position not in (*NAMES, *CONTINUATIONS):
            raise StoreError(f"unknown position {position!r}: choose {', '.join(NAMES)}")
