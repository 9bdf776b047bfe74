"""Steering: what a hook does to states and answers, and what an experiment makes of it."""

import numpy as np
import pytest
import torch

from core.engine.capture import StateCapture
from core.engine.decoding import Decoding
from core.engine.generate import emit_batch, pad_left
from core.engine.prefix import compute_prefix
from core.engine.steer import Edit, Steering
from core.errors import ModelError
from core.models.catalog import ModelSettings
from core.models.loading import load_model

PROMPTS = [(1, 50, 60, 70, 80, 90), (1, 51, 61), (1, 52, 62, 72, 82, 92, 102, 112), (1, 53)]


@pytest.fixture(scope="module")
def loaded(tiny, cache):
    return load_model(ModelSettings(str(tiny)), cache)


def direction(seed=0, rows=None, size=1.0):
    generator = torch.Generator().manual_seed(seed)
    shape = (32,) if rows is None else (rows, 32)
    return size * torch.randn(shape, generator=generator)


@torch.inference_mode()
def read(loaded, prompts, edits=(), where="last"):
    """Logits of the last position, and the whole batch's states (row, position, layer, d_model)."""
    tokens, mask, places = pad_left(prompts, 0, loaded.tokenizer.pad_token_id, loaded.device)
    with Steering(loaded, edits, where), StateCapture(loaded, whole=True) as capture:
        logits = loaded.model(tokens, attention_mask=mask, position_ids=places, use_cache=False).logits
        return logits[:, -1], capture.take()


def hooks(loaded):
    return [len(b._forward_hooks) + len(b._forward_pre_hooks) for b in loaded.blocks]


@pytest.mark.parametrize("where", ["last", "prompt", "generated", "all"])
def test_adding_nothing_changes_nothing(loaded, where):
    edits = [Edit("add", layer, 0.0 * direction(layer)) for layer in range(4)]
    decoding = Decoding(max_new_tokens=5, stop=())
    plain = emit_batch(loaded, PROMPTS, decoding, feed_last=True)
    with Steering(loaded, edits, where):
        steered = emit_batch(loaded, PROMPTS, decoding, feed_last=True)
    for one, other in zip(plain, steered, strict=True):
        assert one.ids == other.ids and one.top == other.top
        assert np.array_equal(one.steps, other.steps)


@pytest.mark.parametrize("layer", [0, 1, 3])
def test_adding_moves_the_layer_by_the_vector_and_no_other_position(loaded, layer):
    vector = direction(3)
    _, plain = read(loaded, [PROMPTS[0]])
    _, steered = read(loaded, [PROMPTS[0]], [Edit("add", layer, vector)])
    assert torch.allclose(steered[0, -1, layer], plain[0, -1, layer] + vector, atol=1e-6)
    assert torch.equal(steered[0, :-1], plain[0, :-1])
    assert torch.equal(steered[0, :, :layer], plain[0, :, :layer])


@pytest.mark.parametrize("layer", [0, 2, 3])
def test_a_projected_state_has_nothing_left_along_the_direction(loaded, layer):
    vector = direction(4, size=7.0)
    _, plain = read(loaded, PROMPTS)
    _, steered = read(loaded, PROMPTS, [Edit("project", layer, vector)], "all")
    unit = vector / vector.norm()
    assert (plain[:, :, layer] @ unit).abs().max() > 1e-3
    assert (steered[:, :, layer] @ unit).abs().max() < 1e-6
    other = direction(5)
    other -= (other @ unit) * unit  # what is at a right angle to the direction stays at the last layer
    if layer == 0:
        assert torch.allclose(steered[:, :, 0] @ other, plain[:, :, 0] @ other, atol=1e-5)


@pytest.mark.parametrize("how", ["add", "project"])
@pytest.mark.parametrize("where", ["last", "prompt", "generated", "all"])
def test_a_padded_batch_is_steered_as_each_alone(loaded, how, where):
    vectors = direction(6, rows=len(PROMPTS), size=2.0)
    decoding = Decoding(max_new_tokens=4, stop=())
    with Steering(loaded, [Edit(how, 2, vectors)], where):
        together = emit_batch(loaded, PROMPTS, decoding, feed_last=True)
    plain = emit_batch(loaded, PROMPTS, decoding, feed_last=True)
    moved = 0
    for number, prompt in enumerate(PROMPTS):
        with Steering(loaded, [Edit(how, 2, vectors[number])], where):
            (alone,) = emit_batch(loaded, [prompt], decoding, feed_last=True)
        assert alone.ids == together[number].ids
        assert np.allclose(alone.steps, together[number].steps, atol=1e-4)
        moved += not np.allclose(alone.steps[:, 2:], plain[number].steps[:, 2:], atol=1e-3)
    assert moved == len(PROMPTS)


def test_positions_are_those_that_were_named(loaded):
    edit = Edit("add", 1, direction(7))
    decoding = Decoding(max_new_tokens=3, stop=())
    plain = emit_batch(loaded, [PROMPTS[0]], decoding, feed_last=True)[0].steps[:, 1]
    changed = {}
    for where in ("last", "prompt", "generated", "all"):
        with Steering(loaded, [edit], where):
            steps = emit_batch(loaded, [PROMPTS[0]], decoding, feed_last=True)[0].steps[:, 1]
        changed[where] = np.abs(steps[0] - plain[0]).max() > 1e-3
    assert changed == {"last": True, "prompt": True, "generated": False, "all": True}
    _, before = read(loaded, [PROMPTS[0]])
    _, after = read(loaded, [PROMPTS[0]], [edit], "prompt")
    assert ((after - before)[0, :, 1].abs().amax(dim=-1) > 1e-3).all()  # every prompt token


def test_patching_the_last_layer_gives_the_other_prompt_s_logits(loaded):
    one, other = PROMPTS[0], PROMPTS[2]
    wanted, states = read(loaded, [other])
    plain, _ = read(loaded, [one])
    patched, _ = read(loaded, [one], [Edit("patch", 3, states[0, -1, 3])])
    assert torch.allclose(patched, wanted, atol=1e-5)
    assert not torch.allclose(patched, plain, atol=1e-3)
    kept, _ = read(loaded, [one], [Edit("patch", 3, torch.full((32,), float("nan")))])
    assert torch.equal(kept, plain)


def test_a_shared_prefix_serves_where_only_the_last_token_is_steered(loaded):
    prompt, edit = PROMPTS[2], Edit("add", 1, direction(8))
    decoding = Decoding(max_new_tokens=3, stop=())
    prefix = compute_prefix(loaded, prompt[:-1])
    for where in ("last", "generated"):
        with Steering(loaded, [edit], where) as steering:
            (whole,) = emit_batch(loaded, [prompt], decoding)
            steering.next_batch()
            (shared,) = emit_batch(loaded, [prompt], decoding, prefix=prefix)
        assert whole.ids == shared.ids and np.allclose(whole.steps, shared.steps, atol=1e-4)


def test_hooks_are_gone_and_the_lock_is_free_whatever_happens(loaded):
    before = hooks(loaded)
    with pytest.raises(RuntimeError, match="broken"), Steering(loaded, [Edit("add", 0, direction())]):
        assert hooks(loaded) != before
        raise RuntimeError("broken")
    assert hooks(loaded) == before
    with pytest.raises(ModelError, match="cannot steer a batch"):
        read(loaded, PROMPTS, [Edit("add", 1, direction(rows=3))])
    assert hooks(loaded) == before
    assert loaded.lock.acquire(blocking=False)
    loaded.lock.release()


@pytest.mark.parametrize(
    ("edit", "where", "reason"),
    [
        (Edit("add", 4, direction()), "last", "there is no layer 4: choose 0 to 3"),
        (Edit("add", 1, torch.ones(31)), "last", "31 dimensions"),
        (Edit("patch", 1, direction()), "all", "choose positions last"),
        (Edit("turn", 1, direction()), "last", "unknown way"),
        (Edit("add", 1, direction()), "middle", "unknown positions"),
    ],
)
def test_what_cannot_be_steered_is_refused(loaded, edit, where, reason):
    with pytest.raises(ModelError, match=reason):
        Steering(loaded, [edit], where)
