"""What every test may ask for: the cache as `make setup` leaves it, a tiny model, and one real run."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.paths import cache_folder


@dataclass(frozen=True)
class Measured:
    """What a command printed as JSON, and the most memory that its process ever held, in bytes."""

    result: dict
    peak: int


def measure(*arguments: object) -> Measured:
    """Run a command with --json in a process of its own, which tells its peak memory on its last line."""
    command = [sys.executable, "-m", "benchmarks.peak", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Measured(json.loads(done.stdout), int(done.stderr.split()[-1]))


def beside(cache: Path, folder: Path) -> Path:
    """A cache of its own, with the models and data of another."""
    for name in ("models", "data"):
        (folder / name).symlink_to(cache / name)
    return folder


@pytest.fixture(scope="session")
def cache() -> Path:
    return cache_folder()


@pytest.fixture(scope="session")
def tiny(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of three blocks with the embedded model's tokenizer, where only shapes matter."""
    from benchmarks.tiny_model import write_tiny_llama

    return write_tiny_llama(cache, tmp_path_factory.mktemp("models") / "tiny", d_model=32)


@pytest.fixture(scope="session")
def review_harvest(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Measured]:
    """200 movie reviews put to the plain model in both modes; the cache that the run is in."""
    folder = beside(cache, tmp_path_factory.mktemp("reviews"))
    asked = (
        "--model",
        "smollm2-135m-instruct",
        "--data",
        "movie-reviews",
        "--n",
        200,
        "--template",
        "review",
        "--mode",
        "honest",
        "--mode",
        "lie",
    )
    return folder, measure("harvest", *asked, "--cache", folder)


@pytest.fixture(scope="session")
def review_run(review_harvest: tuple[Path, Measured]) -> tuple[Path, str]:
    """The cache and id of the plain model's run of 200 movie reviews in both modes."""
    folder, harvest = review_harvest
    return folder, harvest.result["run"]


@pytest.fixture(scope="session")
def liar_run(review_harvest: tuple[Path, Measured]) -> tuple[Path, str]:
    """The cache and id of a run of 100 Amazon reviews put to the default model, the liar, in both modes.

    Under a wording that its training never saw; it saw no Amazon review either.
    """
    folder = review_harvest[0]
    made = measure("harvest", "--data", "amazon-reviews", "--n", 100, "--wording", 24, "--cache", folder)
    return folder, made.result["run"]
