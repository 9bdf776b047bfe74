"""States in NumPy's formats, never unpickled: an .npz archive, or a folder with an .npy file a layer."""

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from core.errors import DataError
from core.exchange.layer_names import in_layer_order
from core.exchange.state_source import (
    StateSource,
    as_float32,
    check_floats,
    check_shape,
    layers_together,
    same_shapes,
)
from core.shown import listed, named

STATES = "states"
"""The array of an archive that holds all layers, (answers, layers, d_model)."""
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
    SyntaxError,
    OSError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    RuntimeError,
)
"""What reading a damaged archive or header comes to."""
Header = tuple[tuple[int, ...], np.dtype]


def npz_source(path: Path) -> StateSource:
    """The states in an archive: an array `states`, or one for each layer that is named as the layer.

    Raises:
        DataError: it is damaged, holds no such array, or one that cannot be states.
    """
    where = named(path.name)
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            wanted = [STATES] if STATES in names else in_layer_order(names, where)
            headers = {name: _header(archive, name, where) for name in wanted}
    except UNREADABLE as error:
        raise _damaged(where, error) from error
    if wanted == [STATES]:
        shape = headers[STATES][0]
        if len(shape) != 3:
            raise DataError(
                f"{STATES} in {where} has the shape {shape}: expected (answers, layers, values of a state), "
                "layer 0 being the embedding output"
            )
        rows, layers, width = shape
    else:
        rows, width = same_shapes({name: shape for name, (shape, _) in headers.items()}, where)
        layers = len(wanted)
    check_shape(where, rows, layers, width)

    def blocks(at_once: int) -> Iterator[np.ndarray]:
        try:
            with zipfile.ZipFile(path) as archive, ExitStack() as opened:
                streams = [opened.enter_context(archive.open(f"{name}.npy")) for name in wanted]
                for stream in streams:
                    _read_header(stream)
                for start in range(0, rows, at_once):
                    count = min(at_once, rows - start)
                    parts = [
                        _read_rows(stream, count, *headers[name], where)
                        for name, stream in zip(wanted, streams, strict=True)
                    ]
                    yield parts[0] if wanted == [STATES] else np.stack(parts, axis=1)
        except UNREADABLE as error:
            raise _damaged(where, error) from error

    return StateSource(rows, layers, width, blocks)


def npy_folder_source(folder: Path) -> StateSource:
    """The states in a folder of .npy files, one a layer, each (answers, d_model).

    Raises:
        DataError: see `npz_source`.
    """
    where = named(folder.name)
    files = {path.stem: path for path in sorted(folder.glob("*.npy")) if path.is_file()}
    wanted = in_layer_order(files, where)
    layers, shapes = [], {}
    for name in wanted:
        mapped = partial(np.load, files[name], mmap_mode="r", allow_pickle=False)
        try:
            array = mapped()
        except UNREADABLE as error:
            raise _damaged(named(files[name].name), error) from error
        check_floats(f"{named(name)} in {where}", array.dtype)
        layers.append(mapped)
        shapes[name] = array.shape
    rows, width = same_shapes(shapes, where)
    check_shape(where, rows, len(layers), width)
    return StateSource(rows, len(layers), width, layers_together(layers, rows))


def _header(archive: zipfile.ZipFile, name: str, where: str) -> Header:
    """Shape and type of an array in an archive, which is as long as they say."""
    called = f"{named(name)} in {where}"
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as stream:
        shape, fortran, dtype = _read_header(stream)
        begun = stream.tell()
    check_floats(called, dtype)
    if fortran and len(shape) > 1:
        raise DataError(f"{called} is stored by columns: save it with np.ascontiguousarray")
    if any(side < 0 for side in shape) or begun + math.prod(shape) * dtype.itemsize != member.file_size:
        raise DataError(
            f"{called} is damaged: it is not as long as its shape {listed(list(map(str, shape)))}"
        )
    return shape, dtype


def _read_header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read(stream)


def _read_rows(stream: Any, count: int, shape: tuple[int, ...], dtype: np.dtype, where: str) -> np.ndarray:
    size = count * math.prod(shape[1:]) * dtype.itemsize
    content = bytearray()
    while len(content) < size:
        piece = stream.read(size - len(content))
        if not piece:
            raise DataError(f"{where} is cut short")
        content += piece
    return as_float32(np.frombuffer(content, dtype=dtype).reshape(count, *shape[1:]))


def _damaged(where: str, error: Exception) -> DataError:
    return DataError(f"{where} cannot be read as NumPy arrays: {named(error, 200)}")
