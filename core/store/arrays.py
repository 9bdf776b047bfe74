"""Arrays of states: Zarr v3 in chunks of some rows × one layer, each chunk with a checksum.

Zarr is imported with the first array that is made or opened: runs and answers are shown without it.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from core.store.chunks import EVERY_CHUNK, layout_of
from core.store.remote import Folder, RemoteFolder
from core.store.remote_chunks import write_chunks


def create_array(folder: Folder, shape: tuple[int, int, int], rows: int) -> None:
    """Make an array of NaN, (rows, layers, d_model) float32; one that is there stays.

    Where its description alone is gone that is written anew, and the chunks are what they were.

    Args:
        rows: of a chunk.

    Raises:
        OSError: the folder cannot be written.
        StatesOutOfReach: it lies elsewhere and cannot be reached.
    """
    if _is_described(folder):
        return
    if isinstance(folder, RemoteFolder):
        made: dict[str, Any] = {}
        _create(_zarr().storage.MemoryStore(made), shape, rows)
        folder.write_many({name: content.to_bytes() for name, content in made.items()})
    else:
        _create(folder, shape, rows)


def _create(place: Any, shape: tuple[int, int, int], rows: int) -> None:
    zarr = _zarr()
    zarr.create_array(
        place,
        shape=shape,
        chunks=(rows, 1, shape[2]),
        dtype="float32",
        fill_value=float("nan"),
        compressors=[zarr.codecs.Crc32cCodec()],
        attributes={EVERY_CHUNK: True},
    )


def _is_described(folder: Folder) -> bool:
    """Whether the array's description is there and whole; one that is damaged is taken away."""
    description = folder / "zarr.json"
    try:
        if "shape" in json.loads(description.read_text(encoding="utf-8")):
            return True
    except FileNotFoundError:
        return False
    except ValueError:
        pass
    description.unlink()
    return False


def open_array(folder: Path, mode: Any) -> Any:
    """The array in a folder, `mode` r or r+.

    Raises:
        FileNotFoundError, ValueError, KeyError: there is none.
    """
    return _zarr().open_array(folder, mode=mode)


def write_rows(folder: Folder, first: int, states: np.ndarray) -> None:
    """Write rows of an array from the first one of a chunk on, NaN up to the end of the last chunk.

    A chunk that is written in part is read first, and may be damaged.

    Args:
        states: (rows, layers, d_model).

    Raises:
        FileNotFoundError, ValueError, KeyError: there is no such array.
        OSError: the disk is full or the folder is gone.
        StatesOutOfReach: the array lies elsewhere and cannot be reached.
    """
    if isinstance(folder, RemoteFolder):
        write_chunks(folder, _rows_of_a_chunk(folder), first, states)
        return
    array = open_array(folder, "r+")
    end = min(-(-(first + len(states)) // array.chunks[0]) * array.chunks[0], array.shape[0])
    whole = np.full((end - first, *states.shape[1:]), np.nan, dtype=np.float32)
    whole[: len(states)] = states
    array[first:end] = whole


@lru_cache(maxsize=64)
def _rows_of_a_chunk(folder: RemoteFolder) -> int:
    """Asked once for each array: it is fixed as the array is made."""
    return layout_of(folder).each


@lru_cache
def _zarr() -> Any:
    import zarr
    import zarr.codecs
    import zarr.storage

    # Chunks are small and mostly in the system's memory: handing each to a thread costs more than reading it.
    zarr.config.set({"async.concurrency": 1, "array.write_empty_chunks": True})
    return zarr
