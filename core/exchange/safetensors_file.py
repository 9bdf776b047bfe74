"""Writes a safetensors file piece by piece: no more than a piece of its tensors is ever in memory.

The format is eight bytes of length, a JSON header of that length, then the tensors' bytes without a gap:
https://huggingface.co/docs/safetensors
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

FLOAT = 4
ALIGNED = 8
"""Bytes of which the header's length is a multiple, filled up with spaces as the format has it."""


def write_tensors(
    path: Path,
    names: Sequence[str],
    shape: tuple[int, ...],
    pieces: Iterable[np.ndarray],
    metadata: Mapping[str, str],
) -> None:
    """Write float32 tensors of one shape.

    Args:
        names: of the tensors, in the order in which the pieces come.
        pieces: parts of one tensor after the other, cut along the first axis.

    Raises:
        OSError: the file cannot be written.
    """
    size = math.prod(shape) * FLOAT
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    for place, name in enumerate(names):
        offsets = [place * size, (place + 1) * size]
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": offsets}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNED)
    with path.open("wb") as out:
        out.write(len(text).to_bytes(8, "little"))
        out.write(text)
        for piece in pieces:
            out.write(np.ascontiguousarray(piece, dtype="<f4").data)
