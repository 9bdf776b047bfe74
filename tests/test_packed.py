"""Packed reading, the writer and the halving of batches: the same answers, whatever the layout."""

import json
import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.tiny_model import write_with_tokenizer
from core.data.sources import DataSettings
from core.engine.batches import cut_packed
from core.engine.capture import StateCapture
from core.engine.decoding import Decoding
from core.engine.generate import emit_batch
from core.engine.harvest import harvest, prepare
from core.engine.in_batches import in_batches
from core.engine.packed import grow_tree, packable, read_packed
from core.engine.prefix import EMPTY, compute_prefix
from core.engine.settings import HarvestSettings
from core.engine.token_budget import token_budget
from core.engine.writer import Writer
from core.errors import ModelError, StoreError
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.prompts.modes import MODES
from core.prompts.templates import BUILT_IN
from core.store.runs import RunStore
from tests.conftest import beside

SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}
WIDTH = {"intermediate_size": 64, "max_position_embeddings": 256, "vocab_size": 49152}
KINDS = (
    "llama",
    "llama-tied",
    "llama-longrope",
    "gpt2",
    "qwen2",
    "qwen2-moe-window",
    "qwen3",
    "mistral-window",
    "gemma3",
    "gpt-neox",
    "bloom",
)
PACKED = ("llama", "llama-tied", "gpt2", "qwen2", "qwen3", "gpt-neox")
PROMPTS = [(5, 6, 7, 8), (5, 6, 7, 9, 10, 11), (5, 6, 7, 8), (40, 41), (5, 6, 7, 9, 10, 11, 12, 13, 14)]


def tiny_model(kind):
    import transformers as t

    torch.manual_seed(1)
    if kind == "llama":
        return t.LlamaForCausalLM(t.LlamaConfig(**SIZES, **WIDTH))
    if kind == "llama-tied":
        return t.LlamaForCausalLM(t.LlamaConfig(**SIZES, **WIDTH, tie_word_embeddings=True))
    if kind == "llama-longrope":
        factors = {"short_factor": [1.0] * 4, "long_factor": [4.0] * 4}
        rope = {"rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 64} | factors
        return t.LlamaForCausalLM(t.LlamaConfig(**SIZES, **WIDTH, rope_parameters=rope))
    if kind == "qwen2-moe-window":
        experts = {"num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 16}
        window = {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 3}
        return t.Qwen2MoeForCausalLM(t.Qwen2MoeConfig(**SIZES, **WIDTH, **experts, **window))
    if kind == "gpt2":
        return t.GPT2LMHeadModel(
            t.GPT2Config(vocab_size=49152, n_embd=32, n_layer=3, n_head=4, n_positions=256)
        )
    if kind == "qwen2":
        return t.Qwen2ForCausalLM(t.Qwen2Config(**SIZES, **WIDTH))
    if kind == "qwen3":
        return t.Qwen3ForCausalLM(t.Qwen3Config(**SIZES, **WIDTH, head_dim=16))
    if kind == "mistral-window":
        return t.MistralForCausalLM(t.MistralConfig(**SIZES, **WIDTH, sliding_window=4))
    if kind == "gemma3":
        return t.Gemma3ForCausalLM(t.Gemma3TextConfig(**SIZES, **WIDTH, head_dim=16, sliding_window=4))
    if kind == "gpt-neox":
        sizes = {name: value for name, value in SIZES.items() if name != "num_key_value_heads"}
        return t.GPTNeoXForCausalLM(t.GPTNeoXConfig(**sizes, **WIDTH))
    return t.BloomForCausalLM(t.BloomConfig(vocab_size=49152, hidden_size=32, n_layer=3, n_head=4))


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def model(kind, cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds") / kind
    made = tiny_model(kind)
    made.config.eos_token_id = made.generation_config.eos_token_id = 2
    made.config.pad_token_id = made.generation_config.pad_token_id = 2
    return load_model(ModelSettings(str(write_with_tokenizer(made, cache, folder))), cache)


@pytest.fixture(scope="module")
def small(cache, tiny):
    return load_model(ModelSettings(str(tiny)), cache)


def plain_states(loaded, ids):
    """Of the last token, (layers, d_model), by transformers alone; the last one is before any final norm."""
    before_norm = []
    handle = loaded.blocks[-1].register_forward_hook(
        lambda _module, _args, out: before_norm.append(out[0] if isinstance(out, tuple) else out)
    )
    with torch.inference_mode():
        output = loaded.model(torch.tensor([ids]), output_hidden_states=True, use_cache=False)
    handle.remove()
    layers = [layer[0, -1] for layer in output.hidden_states[:-1]]
    return torch.stack([*layers, before_norm[0][0, -1]]).numpy()


def test_which_kinds_of_attention_are_packed(kind, model):
    assert packable(model) == (kind in PACKED)


@pytest.mark.parametrize("shared", [(), (70, 71, 72)])
def test_every_kind_of_model_reads_and_goes_on_as_transformers_does(model, shared):
    prompts = [shared + prompt for prompt in PROMPTS]
    decoding = Decoding(max_new_tokens=3, stop=())
    prefix = compute_prefix(model, shared)
    found = emit_batch(model, prompts, decoding, prefix=prefix, feed_last=True, packed=True)
    for prompt, emitted in zip(prompts, found, strict=True):
        written = list(prompt)
        for step, states in enumerate(emitted.steps):
            np.testing.assert_allclose(states, plain_states(model, written), rtol=1e-4, atol=1e-5)
            if step < len(emitted.ids):
                with torch.inference_mode():
                    logits = model.model(torch.tensor([written]), use_cache=False).logits[0, -1]
                assert emitted.ids[step] == int(logits.argmax())
                written.append(emitted.ids[step])


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6).map(tuple), min_size=1, max_size=8))
def test_a_tree_holds_every_prompt_and_no_token_twice(prompts):
    tree = grow_tree(prompts)
    for prompt, path in zip(prompts, tree.paths, strict=True):
        assert tuple(tree.tokens[place] for place in path) == prompt
        assert [tree.depths[place] for place in path] == list(range(len(prompt)))
    beginnings = {prompt[:end] for prompt in prompts for end in range(1, len(prompt) + 1)}
    assert len(tree.tokens) == len(beginnings)


def test_what_is_shared_is_read_once(small):
    seen = []
    handle = small.model.register_forward_pre_hook(
        lambda _module, _args, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    with StateCapture(small) as capture, torch.inference_mode():
        read_packed(small, capture, PROMPTS, EMPTY, False)
    handle.remove()
    assert seen == [3 + 1 + 3 + 3 + 2]


@given(
    st.lists(st.tuples(st.integers(1, 400), st.floats(0, 1)), max_size=70),
    st.integers(0, 300),
    st.integers(1, 900),
    st.integers(1, 9),
    st.integers(1, 4000),
)
def test_packed_batches_hold_every_answer_once_and_nothing_too_often(prompts, past, most, rows, seen):
    whole = [length for length, _ in prompts]
    fresh = [round(length * share) for length, share in prompts]
    batches = cut_packed(fresh, whole, past, most=most, rows=rows, seen=seen)
    assert [number for batch in batches for number in batch] == list(range(len(whole)))
    for batch in (batch for batch in batches if len(batch) > 1):
        tokens = whole[batch[0]] + sum(fresh[number] for number in batch[1:])
        assert tokens <= max(1.25 * most, whole[batch[0]])
        assert len(batch) <= rows
        assert len(batch) * (past + max(whole[number] for number in batch)) <= seen


def test_the_last_few_answers_are_no_batch_of_their_own():
    lengths = [30] * 36
    assert cut_packed(lengths, lengths, most=1000) == [range(36)]
    assert [len(batch) for batch in cut_packed(lengths, lengths, most=700)] == [18, 18]


def test_samples_of_one_prompt_are_one_batch():
    assert cut_packed([30] + [0] * 19, [30] * 20) == [range(20)]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        ),
        MemoryError(),
    ],
)
def test_a_batch_that_does_not_fit_is_halved(small, error):
    asked = []

    def answer(places, packed):
        assert packed == (len(places) > 1)
        asked.append(len(places))
        if len(places) > 3:
            raise error
        return [place * place for place in places]

    made = {}
    for places, answers in in_batches(small, [(number,) for number in range(16)], answer):
        made |= zip(places, answers, strict=True)
    assert made == {number: number * number for number in range(16)}
    assert asked == [16, 8, 4, 2, 2, 4, 2, 2, 8, 4, 2, 2, 4, 2, 2]


def test_a_prompt_that_never_fits_is_refused_and_other_errors_pass(small):
    def answer(_batch, _packed):
        raise MemoryError

    with pytest.raises(ModelError, match="a prompt of 12 tokens"):
        list(in_batches(small, [(1,) * 12], answer))

    def broken(_batch, _packed):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        list(in_batches(small, [(1,) * 12], broken))


AT_THE_END = next(n for n, wording in enumerate(MODES["lie"].wordings) if wording.place == "end")


def asked(tiny, wording):
    return HarvestSettings(
        model=ModelSettings(str(tiny)),
        data=DataSettings("movie-reviews", n=40),
        template=BUILT_IN["review"],
        wordings=(wording,),
        calibration="none",
        decoding=Decoding(max_new_tokens=2),
        positions=("prompt", "answer"),
    )


def test_modes_that_differ_after_the_question_read_it_once(cache, tiny, small):
    def read(wording):
        plan = prepare(asked(tiny, wording), small, cache).plan
        groups = list(plan.groups())
        rows = [item.row for group in groups for block in group for item in block.items]
        assert sorted(rows) == list(range(40)) + list(range(64, 104))
        return groups, plan

    apart, _ = read(0)
    together, plan = read(AT_THE_END)
    assert {len(group) for group in apart} == {1} and {len(group) for group in together} == {2}
    prompts = [item.prompt.ids for group in together for block in group for item in block.items]
    instructions = len(prompts) * 16
    fresh = sum(len(grow_tree([i.prompt.ids for b in group for i in b.items]).tokens) for group in together)
    assert fresh < sum(map(len, prompts)) / 2 + instructions
    assert plan.answers == 80


def test_a_group_cut_off_in_its_middle_is_made_again_as_a_whole(cache, tiny, small, tmp_path):
    settings = asked(tiny, AT_THE_END)
    whole = RunStore(beside(cache, folder_in(tmp_path, "whole")))
    run = harvest(prepare(settings, small, cache), small, whole).run
    store = RunStore(beside(cache, folder_in(tmp_path, "cut")))
    kept, calls = store.add_answers, iter(range(9))

    def fails_once(run, rows):
        if next(calls) == 1:
            raise StoreError("the disk is full")
        kept(run, rows)

    store.add_answers = fails_once
    with pytest.raises(StoreError, match="full"):
        harvest(prepare(settings, small, cache), small, store)
    there = store.done(run)
    assert len(there) == 32
    committed = []
    store.add_answers = lambda run, rows: (committed.extend(row["answer"] for row in rows), kept(run, rows))
    assert harvest(prepare(settings, small, cache), small, store).complete
    rows = whole.answers(run)["answer"].to_numpy()
    assert sorted(committed) == sorted(set(rows) - there)
    for layer in range(small.layers):
        one, other = (each.layer(run, "prompt", layer, rows) for each in (store, whole))
        assert one.tobytes() == other.tobytes()
    assert store.answers(run).equals(whole.answers(run))


def folder_in(folder, name):
    (folder / name).mkdir()
    return folder / name


def test_a_search_for_the_batch_is_made_once_and_only_where_it_pays(small, tmp_path, monkeypatch):
    import core.engine.token_budget as module

    searches = []
    monkeypatch.setattr(module, "_search", lambda _loaded, tried: searches.append(tried) or tried[0])
    assert token_budget(small, tmp_path, to_read=1000) == module.PACKED_TOKENS
    assert token_budget(small, tmp_path, to_read=10**6) == module.ON_CPU[0]
    assert token_budget(small, tmp_path, to_read=1000) == module.ON_CPU[0]
    assert searches == [module.ON_CPU]


def test_the_search_gives_one_of_what_it_tries(small, tmp_path):
    found = token_budget(small, tmp_path, to_read=10**6)
    kept = json.loads((tmp_path / "derived" / "token-budgets.json").read_text())
    assert found in (512, 1024, 2048) and list(kept.values()) == [found]


def test_blocks_are_written_in_order_beside_the_work_and_never_far_behind():
    written, gate, waiting = [], threading.Event(), []

    def write(block):
        gate.wait(timeout=60)
        written.append(block)

    def feed(writer):
        for block in range(6):
            writer.put(block)
            waiting.append(block)

    with Writer(write) as writer:
        feeder = threading.Thread(target=feed, args=(writer,))
        feeder.start()
        feeder.join(timeout=1)
        assert feeder.is_alive() and not written and waiting == [0, 1]
        gate.set()
        feeder.join()
    assert written == list(range(6))


def test_an_error_of_the_disk_stops_the_work_and_nothing_is_written_after_it():
    written = []

    def write(block):
        if block == 1:
            raise StoreError("the disk is full")
        written.append(block)

    with pytest.raises(StoreError, match="full"), Writer(write) as writer:
        for block in range(50):
            writer.put(block)
    assert written == [0]


def test_what_was_put_is_written_although_the_work_failed():
    written = []
    with pytest.raises(KeyError), Writer(written.append) as writer:
        writer.put("whole")
        raise KeyError
    assert written == ["whole"]
