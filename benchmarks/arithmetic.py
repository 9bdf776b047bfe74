"""How much arithmetic prompts need at least, and how fast this machine does arithmetic at its best."""

from collections.abc import Sequence
from statistics import median
from typing import Any

import torch

from benchmarks.compare import timed
from core.engine.arithmetic import FastLinear
from core.engine.prefix import shared_beginning
from core.models.loading import LoadedModel

REPEATS = 6


def product_rates(device: torch.device, dtype: torch.dtype, side: int) -> tuple[float, float]:
    """FLOP a second of a product of two square matrices: PyTorch's own, and the engine's (oneDNN on CPU)."""
    left, right = (torch.rand(side, side, device=device, dtype=dtype) for _ in range(2))

    def product() -> None:
        torch.nn.functional.linear(left, right)
        if device.type == "cuda":
            torch.cuda.synchronize()

    def rate() -> float:
        return 2 * side**3 / median(timed(product)[0] for _ in range(REPEATS))

    with torch.inference_mode():
        plain = rate()
        with FastLinear():
            return plain, rate()


def needed(prompts: Sequence[tuple[int, ...]], loaded: LoadedModel) -> float:
    """FLOP without which the states of every layer at each prompt's last token cannot be had.

    A token goes through the model once for all prompts that begin alike up to it; of the last block, keys and
    values of every token are needed and the rest at last tokens alone, as is the output head. Padding and
    calibration are left out.
    """
    asked = sorted(set(prompts))
    total, tokens, pairs = 0.0, 0, 0.0
    for before, prompt in zip([(), *asked], asked, strict=False):
        same = len(shared_beginning([before, prompt]))
        total += flop(loaded, len(prompt) - same, same, heads=0)
        tokens += len(prompt) - same
        pairs += seen(len(prompt) - same, same)
    spared = tokens - len(asked)
    spared_pairs = pairs - sum(map(len, asked))
    config = loaded.model.config.get_text_config()
    key_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    keys_and_values = 2 * key_heads * _head_width(loaded) * loaded.d_model
    total -= 2 * (weights_of(loaded.blocks[-1]) - keys_and_values) * spared
    total -= 4 * config.num_attention_heads * _head_width(loaded) * spared_pairs
    return total + flop(loaded, 0, 0, heads=len(asked))


def flop(loaded: LoadedModel, new: int, past: int, heads: int = 1) -> float:
    """FLOP of `new` tokens after `past` ones through all blocks, and of the head at `heads` positions.

    Two for every weight of a linear layer and token, four for every query, key and attention width.
    """
    weights = sum(map(weights_of, loaded.blocks))
    config = loaded.model.config.get_text_config()
    width = config.num_attention_heads * _head_width(loaded)
    head = 2 * heads * config.vocab_size * loaded.d_model
    return 2 * weights * new + 4 * width * seen(new, past) * len(loaded.blocks) + head


def seen(new: int, past: int) -> float:
    """How many tokens `new` ones after `past` see, themselves included, added up."""
    return new * past + new * (new + 1) / 2


def weights_of(block: Any) -> int:
    """The weights of a block's linear layers."""
    return sum(parameter.numel() for parameter in block.parameters() if parameter.dim() == 2)


def _head_width(loaded: LoadedModel) -> int:
    config = loaded.model.config.get_text_config()
    return getattr(config, "head_dim", None) or loaded.d_model // config.num_attention_heads
