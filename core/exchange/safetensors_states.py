"""States in a safetensors file: one tensor for each layer, read where it lies."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from core.errors import DataError
from core.exchange.layer_names import in_layer_order
from core.exchange.state_source import StateSource, check_shape, layers_together, same_shapes
from core.models.safetensors_header import read_header
from core.shown import named

DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2"}
LENGTH = 8
"""Bytes at the beginning of a file, which say how long its header is."""


def safetensors_source(path: Path) -> StateSource:
    """The states in a file whose tensors are named as layers, each (answers, d_model).

    Raises:
        DataError: no tensors are named as layers, or they cannot be states.
        ModelError: the file is damaged.
    """
    where = named(path.name)
    tensors = read_header(path).tensors
    wanted = in_layer_order(tensors, where)
    for name in wanted:
        if tensors[name].dtype not in DTYPES:
            raise DataError(
                f"{named(name)} in {where} holds {tensors[name].dtype}, and states are floating-point "
                f"numbers: {', '.join(DTYPES)}"
            )
    rows, width = same_shapes({name: tensors[name].shape for name in wanted}, where)
    check_shape(where, rows, len(wanted), width)
    with path.open("rb") as handle:
        data = LENGTH + int.from_bytes(handle.read(LENGTH), "little")
    layers: list[Callable[[], np.ndarray]] = [
        partial(np.memmap, path, DTYPES[tensors[name].dtype], "r", data + tensors[name].begin, (rows, width))
        for name in wanted
    ]
    return StateSource(rows, len(wanted), width, layers_together(layers, rows))
