"""A prefix that many prompts share goes through the model once; its keys and values serve every batch."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache

from core.engine.arithmetic import FastLinear
from core.models.loading import LoadedModel


def shared_length(prompts: list[tuple[int, ...]]) -> int:
    """How many leading ids all prompts share; at least one id of each prompt is left over."""
    if len(prompts) < 2:
        return 0
    return min(len(shared_beginning(prompts)), min(map(len, prompts)) - 1)


def shared_beginning(sequences: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The ids that all sequences begin with, which may be all of one."""
    low, high = min(sequences), max(sequences)
    same = 0
    while same < min(len(low), len(high)) and low[same] == high[same]:
        same += 1
    return low[:same]


@dataclass(frozen=True, eq=False)
class Prefix:
    """Keys and values of a shared prefix: one (1, heads, length, d_head) pair per block."""

    length: int
    pairs: tuple[tuple[torch.Tensor, torch.Tensor], ...]

    def cache(self, batch: int) -> DynamicCache:
        """A new cache that holds the prefix for each row of a batch, in memory once."""
        cache = DynamicCache()
        for number, (keys, values) in enumerate(self.pairs):
            cache.update(keys, values, number)
            layer: Any = cache.layers[number]
            layer.keys = layer.keys.expand(batch, -1, -1, -1)
            layer.values = layer.values.expand(batch, -1, -1, -1)
        return cache


EMPTY = Prefix(0, ())


@torch.inference_mode()
def compute_prefix(loaded: LoadedModel, ids: tuple[int, ...]) -> Prefix:
    """Run a prefix through the model once.

    Gives `EMPTY` for no ids, and for models whose cache is not plain keys and values (sliding windows,
    recurrent states): their prompts then go through whole, slower and as correct.
    """
    if not ids:
        return EMPTY
    tokens = torch.tensor([ids], device=loaded.device)
    with loaded.lock, FastLinear():
        cache: Any = loaded.model(tokens, use_cache=True, logits_to_keep=1).cache
    layers = getattr(cache, "layers", [])
    if type(cache) is not DynamicCache or any(type(layer).__name__ != "DynamicLayer" for layer in layers):
        return EMPTY
    return Prefix(len(ids), tuple((layer.keys, layer.values) for layer in layers))
