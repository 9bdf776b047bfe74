"""Arrays of states on disk: Zarr v3 in chunks of some rows × one layer, each chunk with a checksum.

Zarr is imported with the first array that is made or opened: runs and answers are shown without it.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

EVERY_CHUNK = "every chunk is written"
"""Attribute of an array whose chunks are there even where they hold NaN alone: a missing one is lost."""


def create_array(folder: Path, shape: tuple[int, int, int], rows: int) -> None:
    """Make an array of NaN, (rows, layers, d_model) float32; one that is there stays.

    Where its description alone is gone that is written anew, and the chunks are what they were.

    Args:
        rows: of a chunk.

    Raises:
        OSError: the folder cannot be written.
    """
    if (folder / "zarr.json").is_file():
        return
    zarr = _zarr()
    zarr.create_array(
        folder,
        shape=shape,
        chunks=(rows, 1, shape[2]),
        dtype="float32",
        fill_value=float("nan"),
        compressors=[zarr.codecs.Crc32cCodec()],
        attributes={EVERY_CHUNK: True},
    )


def open_array(folder: Path, mode: Any) -> Any:
    """The array in a folder, `mode` r or r+.

    Raises:
        FileNotFoundError, ValueError, KeyError: there is none.
    """
    return _zarr().open_array(folder, mode=mode)


@lru_cache
def _zarr() -> Any:
    import zarr
    import zarr.codecs

    # Chunks are small and mostly in the system's memory: handing each to a thread costs more than reading it.
    zarr.config.set({"async.concurrency": 1, "array.write_empty_chunks": True})
    return zarr
