"""A chunk as the bytes of its file: float32 states, then the CRC-32C of these bytes (RFC 3720)."""

import google_crc32c
import numpy as np

CHECKSUM = 4
"""Bytes of the checksum at a chunk's end."""


def chunk_bytes(states: np.ndarray) -> bytes:
    """The file of a chunk's states, (rows, width), as Zarr writes it with its CRC-32C codec."""
    content = np.ascontiguousarray(states, dtype="<f4").tobytes()
    return content + google_crc32c.value(content).to_bytes(CHECKSUM, "little")


def put_chunk(content: bytes | None, into: np.ndarray) -> str | None:
    """Put a chunk's states, (rows, width) float32, into their place.

    Args:
        content: of its file; None where there is none.

    Returns:
        What is wrong with the chunk (`missing`, `cut short` or `changed`), None where it is sound.
    """
    if content is None:
        return "missing"
    if len(content) != into.nbytes + CHECKSUM:
        return "cut short"
    states = content[:-CHECKSUM]
    if google_crc32c.value(states) != int.from_bytes(content[-CHECKSUM:], "little"):
        return "changed"
    into[:] = np.frombuffer(states, dtype="<f4").reshape(into.shape)
    return None
