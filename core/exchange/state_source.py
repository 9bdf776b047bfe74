"""States that lie outside the store, to be read block by block: no more than a block is ever in memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import DataError

MOST_LAYERS = 1_000
MOST_WIDTH = 1 << 17
FLOATS = ("float16", "float32", "float64")


@dataclass(frozen=True, eq=False)
class StateSource:
    """States of every layer.

    Attributes:
        rows: one for each answer; layers: with layer 0, the embedding output; d_model: values of a state.
        blocks: gives them in order, so many rows at once, (rows, layers, d_model) float32. It raises
            `DataError` where the source turns out to be damaged.
    """

    rows: int
    layers: int
    d_model: int
    blocks: Callable[[int], Iterator[np.ndarray]]


def check_shape(name: str, rows: int, layers: int, d_model: int) -> None:
    """Refuse states of no size, or larger than any model's.

    Raises:
        DataError: says which size.
    """
    for what, size, least, most in (
        ("layers, with layer 0", layers, 2, MOST_LAYERS),
        ("values a state", d_model, 1, MOST_WIDTH),
    ):
        if not least <= size <= most:
            raise DataError(f"{name} has {size:,} {what}: states have {least} to {most:,}")
    if rows < 1:
        raise DataError(f"{name} has no rows: there are no states in it")


def check_floats(name: str, dtype: object) -> None:
    """Raise `DataError` unless a NumPy type is one of floating-point numbers."""
    if str(dtype).lstrip("<>=|") not in (*FLOATS, "f2", "f4", "f8"):
        raise DataError(f"{name} holds {dtype}, and states are floating-point numbers: {', '.join(FLOATS)}")


def same_shapes(shapes: dict[str, tuple[int, ...]], where: str) -> tuple[int, int]:
    """Rows and d_model that the arrays of all layers have.

    Args:
        shapes: by the name of each layer's array.

    Raises:
        DataError: one is not (rows, d_model), or they differ.
    """
    first, expected = next(iter(shapes.items()))
    for name, shape in shapes.items():
        if len(shape) != 2:
            raise DataError(
                f"{name} in {where} has the shape {shape}: a layer's states are (answers, values of a state)"
            )
        if shape != expected:
            raise DataError(
                f"{name} in {where} has the shape {shape} and {first} has {expected}: make them alike"
            )
    return expected[0], expected[1]


def layers_together(
    layers: Sequence[Callable[[], np.ndarray]], rows: int
) -> Callable[[int], Iterator[np.ndarray]]:
    """The blocks of a source whose layers are arrays of their own.

    Args:
        layers: each maps its array, (rows, d_model), into memory: anew for each block, so that what was read
            of the last one does not stay there.
    """

    def blocks(at_once: int) -> Iterator[np.ndarray]:
        for start in range(0, rows, at_once):
            yield np.stack([as_float32(mapped()[start : start + at_once]) for mapped in layers], axis=1)

    return blocks


def as_float32(values: np.ndarray) -> np.ndarray:
    """Numbers as float32; 16-bit ones without a sign are the bits of bfloat16."""
    if values.dtype == np.uint16:
        return (values.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(all="ignore"):  # what does not fit becomes infinite, and is marked as not finite
        return np.asarray(values, dtype=np.float32)
