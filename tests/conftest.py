"""What every test may ask for: the cache as `make setup` leaves it, a tiny model, and one real run."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.models.embedded import embedded_folder
from core.paths import cache_folder

MEASURED = """
import re, resource, sys
from pathlib import Path
from core.cli import main
code = main(sys.argv[1:])
status = Path("/proc/self/status")
peak = re.search(r"VmHWM:\\s+(\\d+)", status.read_text()) if status.is_file() else None
print(peak[1] if peak else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


@dataclass(frozen=True)
class Measured:
    """What a command printed as JSON, and the most memory that its process ever held, in bytes."""

    result: dict
    peak: int


def measure(*arguments: object) -> Measured:
    """Run a command with --json in a process of its own, which tells its peak memory on its last line."""
    command = [sys.executable, "-c", MEASURED, *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Measured(json.loads(done.stdout), 1024 * int(done.stderr.split()[-1]))


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
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(embedded_folder(cache) / name, folder)
    return folder


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
