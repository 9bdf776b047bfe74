"""One finished run of the tiny model in a sandbox, and its probe: what imports are imported into."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.cli import main
from core.probes.bundle import FittedProbe
from core.probes.of_run import probe_run
from core.probes.rows import ProbeSettings
from core.probes.saved import with_origin
from core.store.runs import Run, RunStore
from tests.conftest import beside

WORDS = ("<end>", "yes", "no", "Yes", "No", "a", "film", "good", "bad", "user", "model", ":")


@pytest.fixture(scope="session")
def little(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of three blocks with a dozen words, which loads in a moment."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, "a"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = tmp_path_factory.mktemp("models") / "little"
    PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>").save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        eos_token_id=0,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Lab:
    """A cache in a folder of its own, the run in it, the model that was asked, and a probe of the run."""

    cache: Path
    model: Path
    run: Run
    probe: FittedProbe


@pytest.fixture(scope="session")
def lab(cache: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """40 movie reviews put to the tiny model in both modes."""
    folder = tmp_path_factory.mktemp("sandbox") / "cache"
    folder.mkdir()
    beside(cache, folder)
    asked = ["harvest", "--data", "movie-reviews", "--n", "40", "--model", str(tiny), "--cache", str(folder)]
    assert main(asked) == 0
    store = RunStore(folder)
    (run,) = store.runs()
    probe = with_origin(probe_run(store, run.run, ProbeSettings(permutations=0)), run, run)
    return Lab(folder, tiny, run, probe)
