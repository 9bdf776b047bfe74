"""How time and memory of a harvest grow with its answers, each harvest in a process of its own.

With the embedded model the largest would take the better part of an hour, so a tiny random Llama answers:
what grows with the number of answers is all around the model. It has the embedded model's tokenizer, and an
answer's states weigh enough to be seen if they were kept in memory.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.bench import Bench
from benchmarks.row import Bar, Found, Row
from benchmarks.tiny_model import BLOCKS, write_tiny_llama
from core.errors import TelltaleError

TIME_BAR, MEMORY_BAR = Bar(1.5, most=True), Bar(1.25, most=True)
DIMENSIONS = 256
WORDINGS = range(4)
ARMS = 2 * len(WORDINGS)
"""Every question is asked in both modes under each wording: there are no 20,000 reviews."""


@dataclass(frozen=True)
class Grown:
    """One harvest: its answers, its seconds, and its process's peak memory in bytes."""

    answers: int
    seconds: float
    peak: int

    @property
    def each(self) -> float:
        """Seconds an answer."""
        return self.seconds / self.answers


def growth_rows(bench: Bench) -> Iterator[Row]:
    """Two rows of the same harvests: time of an answer, and peak memory; the largest against the middle.

    Raises:
        TelltaleError: a harvest failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = write_tiny_llama(bench.cache, Path(folder) / "tiny-random-llama", DIMENSIONS)
        found = [
            [grow(model, bench.cache, answers) for answers in bench.size.grown]
            for _ in range(bench.size.pairs)
        ]
    sizes = [f"{answers:,}" for answers in bench.size.grown]
    times = [1e3 * median(harvest.each for harvest in of_size) for of_size in zip(*found, strict=True)]
    peaks = [median(harvest.peak for harvest in of_size) for of_size in zip(*found, strict=True)]
    more = (peaks[2] - peaks[1]) / (bench.size.grown[2] - bench.size.grown[1])
    kept = (BLOCKS + 1) * DIMENSIONS * 4
    who = f"a tiny random Llama of {BLOCKS} blocks, d_model {DIMENSIONS}; "
    yield Row(
        f"time of an answer in a harvest of {sizes[2]}",
        f"in one of {sizes[1]}",
        TIME_BAR,
        found=Found(
            [many.each / some.each for _, some, many in found],
            who + ", ".join(f"{t:.2f} ms at {n}" for t, n in zip(times, sizes, strict=True)),
            {"milliseconds_of_an_answer": dict(zip(sizes, times, strict=True))},
        ),
    )
    yield Row(
        f"peak memory of a harvest of {sizes[2]}",
        f"of one of {sizes[1]}",
        MEMORY_BAR,
        found=Found(
            [many.peak / some.peak for _, some, many in found],
            who
            + ", ".join(f"{p / 1e6:,.0f} MB at {n}" for p, n in zip(peaks, sizes, strict=True))
            + f"; {more:,.0f} bytes more for each more answer, whose states are {kept:,}",
            {"peak_bytes": dict(zip(sizes, peaks, strict=True))},
        ),
    )


def grow(model: Path, cache: Path, answers: int) -> Grown:
    """Harvest so many answers of one new token to movie reviews, into a store of their own.

    Raises:
        TelltaleError: the harvest failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").symlink_to(cache / "data")
        asked = ["--model", model, "--data", "movie-reviews", "--n", answers // ARMS, "--template", "review"]
        how = ["--max-new-tokens", 1, "--position", "prompt"]
        how += [word for number in WORDINGS for word in ("--wording", number)]
        command = [
            sys.executable,
            "-m",
            "benchmarks.peak",
            "harvest",
            *asked,
            *how,
            "--cache",
            folder,
            "--json",
        ]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        *said, _peak = done.stderr.strip().splitlines() or [""]
        raise TelltaleError(f"a harvest of {answers:,} answers failed: {' '.join(said)[-300:]}")
    told = json.loads(done.stdout)
    if told["answers"] != answers:
        raise TelltaleError(f"a harvest of {answers:,} answers came to {told['answers']:,}")
    return Grown(answers, told["seconds"], int(done.stderr.split()[-1]))
