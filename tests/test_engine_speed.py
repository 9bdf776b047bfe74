"""What makes the engine fast changes no result: other arithmetic, other batches."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.engine.arithmetic import FastLinear, LaidOut
from core.engine.batches import OVERHEAD, cut_padded
from core.engine.side_copy import SideCopy


def test_fast_linear_layers_agree_with_plain_ones():
    torch.manual_seed(0)
    inputs = torch.randn(24, 5, 3).transpose(0, 2)
    for layer in (torch.nn.Linear(24, 7), torch.nn.Linear(24, 7, bias=False)):
        with torch.inference_mode():
            plain = layer(inputs)
            with FastLinear():
                fast = layer(inputs)
        assert torch.allclose(fast, plain, rtol=1e-5, atol=1e-6)


def test_what_is_not_float32_or_needs_gradients_is_left_alone():
    layer, inputs = torch.nn.Linear(4, 2), torch.ones(1, 4)
    with FastLinear():
        assert layer(inputs).grad_fn is not None
        with torch.inference_mode():
            assert layer.double()(inputs.double()).dtype == torch.float64


@given(st.lists(st.integers(1, 400), max_size=70), st.integers(1, 32))
def test_batches_hold_every_answer_once_and_none_too_many(lengths, most):
    batches = cut_padded(sorted(lengths), most)
    assert [number for batch in batches for number in batch] == list(range(len(lengths)))
    assert all(1 <= len(batch) <= most for batch in batches)


def test_one_long_answer_does_not_pad_the_short_ones():
    assert cut_padded([10] * 20 + [400]) == [range(20), range(20, 21)]
    assert cut_padded([10, 11, 12]) == [range(3)]
    assert cut_padded([10, 10 + OVERHEAD + 1]) == [range(1), range(1, 2)]
    assert cut_padded([]) == []


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_is_copied_beside_the_work_is_whole_in_the_end(device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    copies, made = SideCopy(), []
    for number in range(20):
        made.append(copies.start(torch.full((64, 31, 576), float(number), device=device)))
        torch.full((64, 31, 576), -1.0, device=device)  # would take the memory of what is on its way
    copies.finish()
    for number, kept in enumerate(made):
        assert kept.device.type == "cpu" and bool((kept == number).all())
        assert device == "cpu" or kept.is_pinned()


def test_weights_are_laid_out_once_and_only_for_as_long_as_was_said():
    torch.manual_seed(0)
    layer, inputs = torch.nn.Linear(24, 7), torch.randn(5, 24)
    laid_out = LaidOut(parameters=175)
    with torch.inference_mode(), FastLinear():
        plain = layer(inputs)
        for _ in range(2):
            with laid_out.in_force():
                assert torch.allclose(layer(inputs), plain, rtol=1e-5, atol=1e-6)
        assert laid_out.of(layer.weight) is laid_out.of(layer.weight)
        layer.weight.mul_(2)
        assert not torch.allclose(layer(inputs), plain), "outside of it a weight may change"


def test_weights_stay_as_they_are_where_memory_has_no_room_for_them_twice():
    weight = torch.zeros(3, 2)
    assert LaidOut(parameters=10**13).of(weight) is weight
