"""How much arithmetic an answer needs, and how fast this machine does arithmetic at its best."""

from collections.abc import Callable
from time import perf_counter

import torch

from benchmarks.sides import Task
from core.engine.arithmetic import FastLinear
from core.models.loading import LoadedModel

SIDE = 2048


def matmul_rates(device: torch.device, side: int = SIDE) -> tuple[float, float]:
    """FLOP a second of a float32 product of two square matrices: PyTorch's own, and the engine's."""
    left, right = torch.rand(side, side, device=device), torch.rand(side, side, device=device)
    with torch.inference_mode():
        plain = _rate(lambda: torch.nn.functional.linear(left, right), side, device)
        with FastLinear():
            fast = _rate(lambda: torch.nn.functional.linear(left, right), side, device)
    return plain, fast


def _rate(product: Callable[[], torch.Tensor], side: int, device: torch.device) -> float:
    seconds = []
    for _ in range(6):
        began = perf_counter()
        product()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(perf_counter() - began)
    return 2 * side**3 / sorted(seconds)[2]


def flop_with_prefix(task: Task, loaded: LoadedModel) -> float:
    """FLOP that the task needs where each arm's prefix is computed once, padding and calibration left out."""
    plan = task.prepared.plan
    total = 0.0
    for arm in plan.arms:
        shared = len(plan.prefix_ids(arm))
        total += flop(loaded, shared, 0, heads=0)
        lengths = [len(i.prompt.ids) for block in plan.blocks() if block.arm == arm for i in block.items]
        total += sum(flop(loaded, length - shared, shared) for length in lengths)
    return total


def flop(loaded: LoadedModel, new: int, past: int, heads: int = 1) -> float:
    """FLOP of `new` tokens after `past` ones through all blocks, and of the head at `heads` positions.

    Two for every weight of a linear layer and token, four for every query, key and attention width.
    """
    weights = sum(p.numel() for block in loaded.blocks for p in block.parameters() if p.dim() == 2)
    config = loaded.model.config.get_text_config()
    width = config.num_attention_heads * (
        getattr(config, "head_dim", None) or loaded.d_model // config.num_attention_heads
    )
    pairs = new * past + new * (new + 1) / 2
    head = 2 * heads * config.vocab_size * loaded.d_model
    return 2 * weights * new + 4 * width * pairs * len(loaded.blocks) + head
