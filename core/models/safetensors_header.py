"""What a safetensors file says of itself, believed only as far as the file's own size bears it out.

The format is eight bytes of length, a JSON header of that length, then the tensors' bytes without a gap:
https://huggingface.co/docs/safetensors
"""

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import ModelError
from core.shown import named, quoted

LONGEST_HEADER = 25_000_000
"""Bytes; the largest models need a tenth of it."""
LARGEST = 1 << 63
BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}
"""Of one value, by the name of its type."""


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a file: its values' type, its shape, and where its bytes begin and end in the data."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def values(self) -> int:
        """How many values it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class SafetensorsHeader:
    """The tensors of a file by name, and what else it says as text."""

    tensors: dict[str, StoredTensor]
    metadata: dict[str, str]


def read_header(file: Path) -> SafetensorsHeader:
    """The header of a safetensors file.

    Raises:
        ModelError: it cannot be read, is cut short, or claims what the file does not hold.
    """
    try:
        if not file.is_file():
            raise ModelError(f"{named(file.name)} is no ordinary file")
        with file.open("rb") as handle:
            return parse_header(handle, file.name)
    except OSError as error:
        raise ModelError(f"{named(file.name)} cannot be read: {error.strerror or error}") from error


def parse_header(handle: BinaryIO, name: str) -> SafetensorsHeader:
    """The header at the beginning of a stream that is called `name`; refuses as `read_header` does."""
    size = handle.seek(0, os.SEEK_END)
    handle.seek(0)
    length = int.from_bytes(handle.read(8), "little")
    try:
        if size < 8 or length > size - 8:
            raise ValueError("its header is longer than the file")
        if length > LONGEST_HEADER:
            raise ValueError(f"its header has {length:,} bytes")
        header: Any = json.loads(handle.read(length))
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("its metadata is no text")
        tensors = {entry: _tensor(entry, told) for entry, told in header.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{named(name)} is damaged: it has no safetensors header that holds ({named(error)})"
        ) from error
    end = 0
    for entry, tensor in sorted(tensors.items(), key=lambda pair: (pair[1].begin, pair[1].end)):
        if tensor.begin != end:
            raise ModelError(f"{named(name)} is damaged: tensor {quoted(entry)} does not begin at {end:,}")
        end = tensor.end
    if 8 + length + end != size:
        raise ModelError(
            f"{named(name)} is damaged: it is {size} bytes long and should be {8 + length + end}"
        )
    return SafetensorsHeader(tensors, metadata)


def _tensor(entry: str, told: Any) -> StoredTensor:
    """One tensor as the header tells of it. Raises `ValueError` or `TypeError` where that cannot be."""
    if not isinstance(told, dict) or not {"dtype", "shape", "data_offsets"} <= set(told):
        raise ValueError(f"tensor {quoted(entry)} lacks its type, shape or place")
    shape, (begin, end) = told["shape"], told["data_offsets"]
    if not isinstance(shape, list) or told["dtype"] not in BITS:
        raise ValueError(f"tensor {quoted(entry)} has no known type or shape")
    values = 1
    for number in (*shape, begin, end):
        if type(number) is not int or not 0 <= number < LARGEST:
            raise ValueError(f"tensor {quoted(entry)} has a size of {quoted(number)}")
    for side in shape:
        values = min(values * side, LARGEST) if values else 0
    if (end - begin) * 8 != values * BITS[told["dtype"]]:
        raise ValueError(f"tensor {quoted(entry)} is not as long as its shape")
    return StoredTensor(told["dtype"], tuple(shape), begin, end)
