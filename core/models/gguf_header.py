"""What a GGUF file says of itself, believed only as far as the file's own size bears it out.

Read before any library reads the file: counts and lengths in it are the author's word. The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelError
from core.shown import named, quoted

MAGIC = b"GGUF"
VERSIONS = (2, 3)
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""How a value is packed, by the number of its type."""
TEXT, ARRAY = 8, 9
MOST_TEXTS = 10_000_000
"""In all arrays of a file; the largest vocabularies with their merges have a tenth of it."""
MOST_SIDES = 4
ALIGNMENT = "general.alignment"


@dataclass(frozen=True)
class GgufHeader:
    """The facts in a file, its arrays aside, and the shape of each tensor by name."""

    facts: dict[str, int | float | bool | str]
    tensors: dict[str, tuple[int, ...]]

    @property
    def values(self) -> int:
        """How many values all tensors have."""
        return sum(math.prod(shape) for shape in self.tensors.values())


def read_gguf_header(file: Path) -> GgufHeader:
    """The header of a GGUF file.

    Raises:
        ModelError: it is no GGUF file, cannot be read, is cut short, or claims what it does not hold.
    """
    try:
        if not file.is_file():
            raise ModelError(f"{named(file.name)} is no ordinary file")
        with file.open("rb") as handle:
            if handle.read(len(MAGIC)) != MAGIC:
                raise ModelError(f"{named(file.name)} is not a GGUF file")
            with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Reader(data).header()
    except (ValueError, struct.error) as error:
        raise ModelError(f"{named(file.name)} is damaged: {named(error, 200)}") from error
    except OSError as error:
        raise ModelError(f"{named(file.name)} cannot be read: {error.strerror or error}") from error


class _Reader:
    """Goes through a file from its beginning. Raises `ValueError` or `struct.error` at what cannot be."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.at, self.size = data, len(MAGIC), len(data)
        self.texts = 0

    def header(self) -> GgufHeader:
        """All of it."""
        version = self.number("I")
        if version not in VERSIONS:
            raise ValueError(f"its version is {version}, and {VERSIONS[0]} and {VERSIONS[1]} can be read")
        tensors, facts = self.number("Q"), self.number("Q")
        for count, what in ((tensors, "tensors"), (facts, "facts")):
            if count > self.size:
                raise ValueError(f"it claims {count:,} {what} and has {self.size:,} bytes")
        found = {}
        for _ in range(facts):
            name = self.text()
            value = self.value(self.number("I"))
            if value is not None:
                found[name] = value
        shapes, ends = {}, [0]
        for _ in range(tensors):
            name = self.text()
            if name in shapes:
                raise ValueError(f"tensor {quoted(name)} stands in it twice")
            shapes[name], end = self.tensor(name)
            ends.append(end)
        alignment = found.get(ALIGNMENT, 32)
        if type(alignment) is not int or alignment < 8 or alignment & (alignment - 1):
            raise ValueError(f"{ALIGNMENT} is {quoted(alignment)}, which is no power of two from 8")
        start = -(-self.at // alignment) * alignment
        if start + max(ends) > self.size and tensors:
            raise ValueError(f"it is {self.size} bytes long and should be {start + max(ends)}")
        return GgufHeader(found, shapes)

    def number(self, packed: str) -> int:
        """The next number, packed as `struct` names it."""
        (found,) = struct.unpack_from("<" + packed, self.data, self.at)
        self.at += struct.calcsize(packed)
        return found

    def skip(self, length: int, what: str) -> None:
        """Go on by a length that the file claims."""
        if length > self.size - self.at:
            raise ValueError(f"{what} claims {length:,} bytes and {self.size - self.at:,} are left")
        self.at += length

    def text(self) -> str:
        """The next text."""
        length, start = self.number("Q"), self.at
        self.skip(length, "a text")
        return self.data[start : self.at].decode()

    def value(self, kind: int) -> int | float | bool | str | None:
        """The next value of a type; None for an array, which is gone through."""
        if kind in SCALARS:
            return self.number(SCALARS[kind])
        if kind == TEXT:
            return self.text()
        if kind != ARRAY:
            raise ValueError(f"a fact of the unknown type {kind}")
        kind, count = self.number("I"), self.number("Q")
        if kind in SCALARS:
            self.skip(count * struct.calcsize(SCALARS[kind]), "an array")
            return None
        self.texts += count
        if kind != TEXT or self.texts > MOST_TEXTS:
            raise ValueError(f"an array of {count:,} values of type {kind}")
        for _ in range(count):
            self.skip(self.number("Q"), "a text")
        return None

    def tensor(self, name: str) -> tuple[tuple[int, ...], int]:
        """The next tensor's shape, and where its bytes end in the data."""
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

        if (sides := self.number("I")) > MOST_SIDES:
            raise ValueError(f"tensor {quoted(name)} has {sides:,} sides")
        shape = tuple(self.number("Q") for _ in range(sides))
        kind = GGMLQuantizationType(self.number("I"))
        if kind not in GGML_QUANT_SIZES:
            raise ValueError(f"tensor {quoted(name)} is of the unknown type {kind}")
        block, size = GGML_QUANT_SIZES[kind]
        if math.prod(shape) % block:
            raise ValueError(f"tensor {quoted(name)} has no whole number of blocks")
        return shape, self.number("Q") + math.prod(shape) // block * size
