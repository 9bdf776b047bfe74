"""Reading one layer of a run, against reading the same bytes with NumPy from a raw file; both from memory.

Files that were just written lie in the system's cache: neither side waits for a disk.
"""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.bench import Bench
from benchmarks.compare import DisagreementError, in_turn, timed
from benchmarks.row import Bar, Found, Row, measure_row
from core.store.runs import RunStore

BAR = Bar(2.0, most=True)
LAYERS, DIMENSIONS = 5, 576
BLOCK = 256
"""Answers to a chunk, as in runs of more than 4,000 answers."""


def reading_rows(bench: Bench) -> Iterator[Row]:
    """One row: how many times as long the store takes."""
    yield measure_row(
        "reading one layer of a run: time",
        "numpy.fromfile of the same bytes",
        BAR,
        partial(measure, bench.size.read, bench.size.pairs),
    )


def measure(answers: int, pairs: int) -> Found:
    """Every layer once in each repetition, checksums of the store included.

    Raises:
        DisagreementError: other numbers come out than went in.
    """
    generator = np.random.default_rng(0)
    rows = np.arange(answers)
    with tempfile.TemporaryDirectory() as folder:
        store, raw = RunStore(Path(folder)), [Path(folder) / f"{n}.raw" for n in range(LAYERS)]
        states = store.states("made")
        states.create(("prompt",), -(-answers // BLOCK) * BLOCK, LAYERS, DIMENSIONS, BLOCK)
        handles = [path.open("wb") for path in raw]
        for first in range(0, answers, BLOCK):
            shape = (min(BLOCK, answers - first), LAYERS, DIMENSIONS)
            made = generator.standard_normal(shape, dtype=np.float32)
            states.write("prompt", first, made)
            for number, handle in enumerate(handles):
                handle.write(np.ascontiguousarray(made[:, number]).data)
        for handle in handles:
            handle.close()

        def from_store() -> list[np.ndarray]:
            return [store.layer("made", "prompt", number, rows) for number in range(LAYERS)]

        def from_files() -> list[np.ndarray]:
            return [np.fromfile(path, np.float32).reshape(-1, DIMENSIONS) for path in raw]

        def compare(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
            if not all(map(np.array_equal, ours, theirs)):
                raise DisagreementError(
                    "the store gives other numbers than were written: no speed is reported"
                )

        compare(from_store(), from_files())
        seconds = in_turn(lambda: timed(from_store), lambda: timed(from_files), pairs, compare)
    size = answers * DIMENSIONS * 4
    return Found(
        [1 / ratio for ratio in seconds.ratios],
        f"{LAYERS} layers of {answers:,} answers × {DIMENSIONS} float32, {size / 1e6:,.0f} MB each, both "
        "warm; the same numbers",
        {"seconds": seconds.ours, "seconds_against": seconds.theirs, "bytes_of_a_layer": size},
    )
