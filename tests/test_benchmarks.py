"""The benchmark runs, counts right, and reports no speed where the states differ. Nothing here is timed."""

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

import benchmarks.compare as comparing
from benchmarks.__main__ import table
from benchmarks.arithmetic import flop
from benchmarks.compare import DisagreementError, compare
from core.models.catalog import ModelSettings
from core.models.embedded import embedded_folder
from core.models.loading import LoadedModel


@pytest.fixture(scope="module")
def tiny(cache):
    tokenizer = AutoTokenizer.from_pretrained(embedded_folder(cache))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=2048,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = LlamaForCausalLM(config).eval()
    return LoadedModel(
        settings=ModelSettings("tiny"),
        model=model,
        tokenizer=tokenizer,
        blocks=model.model.layers,
        layers=3,
        d_model=16,
        parameters=sum(p.numel() for p in model.parameters()),
        context=2048,
        device=torch.device("cpu"),
        dtype=torch.float32,
        fingerprint="tiny",
    )


def test_both_sides_are_compared_on_the_same_prompts(tiny, cache):
    made = compare(tiny, cache, questions=4, shots=6, pairs=2, side=64)
    assert (made.answers, len(made.ratios), made.bar) == (8, 2, 5.0)
    assert made.disagreement < 1e-4
    assert made.loop.tokens == made.prompt_tokens * 8
    assert made.harvest.tokens < made.loop.tokens / 2
    facts = {
        "processor": "P",
        "threads": 2,
        "instructions": "",
        "matmul_gflops": 1,
        "matmul_gflops_engine": 1,
    }
    assert "6-shot: bar 5 ×" in table(facts, "tiny", [made])


def test_no_speed_where_states_differ(tiny, cache, monkeypatch):
    plain_loop = comparing.looped

    def wrong(prompts, loaded):
        seconds, states = plain_loop(prompts, loaded)
        states[0, 1] *= 1.001
        return seconds, states

    monkeypatch.setattr(comparing, "looped", wrong)
    with pytest.raises(DisagreementError, match=r"differ by 1\.0e-03"):
        compare(tiny, cache, questions=4, shots=0, pairs=1, side=64)


def test_flop_known_by_hand(tiny):
    weights = 2 * (16 * 16 * 2 + 16 * 8 * 2 + 3 * 16 * 24)
    assert flop(tiny, 1, 0, heads=0) == 2 * weights + 4 * 16 * 2
    assert flop(tiny, 2, 5, heads=0) == 4 * weights + 4 * 16 * 2 * 13
