"""Writing states through the store as a harvest does, against a plain write, and against the harvest.

A plain write asks for no more than that the system takes the bytes; the store cuts them into a chunk for each
layer and block of answers, adds checksums and gives every chunk a file. What counts is that it keeps up with
the fastest harvest.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.bench import Bench
from benchmarks.compare import DisagreementError, timed
from benchmarks.row import Bar, Found, Row
from benchmarks.sides import harvested, make_task
from core.store.runs import RunStore

KEEPS_UP = Bar(1.0)


def writing_rows(bench: Bench) -> Iterator[Row]:
    """Two rows of the same measurements.

    Raises:
        DisagreementError: other numbers come out of the store than went in.
    """
    task = make_task(bench, shots=0)
    answers, block = bench.size.stored, task.block_size
    layers, dimensions = bench.loaded.layers, bench.loaded.d_model
    states = np.random.default_rng(0).standard_normal((answers, layers, dimensions), dtype=np.float32)
    through, plain, making = [], [], []
    for _ in range(bench.size.pairs + 1):
        through.append(_through_store(states, block) / answers)
        plain.append(_plainly(states, block) / answers)
        making.append(harvested(task, bench)[0] / len(task.prompts))
    through, plain, making = through[1:], plain[1:], making[1:]  # the first of each warms up
    size = layers * dimensions * 4
    rates = {
        "bytes_per_second": size / median(through),
        "bytes_per_second_plain": size / median(plain),
        "bytes_per_second_of_the_harvest": size / median(making),
    }
    told = f"{answers * size / 1e6:,.0f} MB in blocks of {block} answers; " + ", ".join(
        f"{rate / 1e6:,.1f} MB/s {what}"
        for what, rate in zip(
            ("through the store", "plainly", "made by the harvest"), rates.values(), strict=True
        )
    )
    yield Row(
        "writing states through the store",
        "the zero-shot harvest that makes them",
        KEEPS_UP,
        found=Found([slow / fast for slow, fast in zip(making, through, strict=True)], told, rates),
    )
    yield Row(
        "writing states through the store",
        "a plain sequential write of the same bytes",
        None,
        found=Found([fast / slow for slow, fast in zip(through, plain, strict=True)], told, rates),
    )


def _through_store(states: np.ndarray, block: int) -> float:
    answers, layers, dimensions = states.shape
    with tempfile.TemporaryDirectory() as folder:
        arrays = RunStore(Path(folder)).states("made")

        def write() -> None:
            arrays.create(("prompt",), -(-answers // block) * block, layers, dimensions, block)
            for first in range(0, answers, block):
                arrays.write("prompt", first, states[first : first + block])

        seconds, _ = timed(write)
        if not np.array_equal(arrays.read("prompt", layers - 1, np.arange(answers)), states[:, -1]):
            raise DisagreementError("the store gives other numbers than were written: no speed is reported")
    return seconds


def _plainly(states: np.ndarray, block: int) -> float:
    with tempfile.TemporaryDirectory() as folder:

        def write() -> None:
            with (Path(folder) / "states.raw").open("wb") as handle:
                for first in range(0, len(states), block):
                    handle.write(states[first : first + block].data)

        return timed(write)[0]
