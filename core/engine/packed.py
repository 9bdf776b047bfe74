"""One forward pass over prompts of any length: no token of padding, and what prompts share is read once.

The tokens of a batch lie in one row. A prompt that begins like another takes up that one's tokens and adds
its own, so that the row is a tree of prefixes. Linear layers and norms see the row; attention alone is told
which tokens each prompt sees.

What all prompts begin with, the prefix, is attended to by the whole row at once, in one large product a
head; what a prompt has of its own by itself; and the two are put together by how much each weighs.

Sources: Zheng et al. 2024, "SGLang: Efficient Execution of Structured Language Model Programs", whose
RadixAttention shares keys and values in such a tree; Juravsky et al. 2024, "Hydragen: High-Throughput LLM
Inference with Shared Prefixes", which takes attention apart in this way.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, DynamicCache

from core.engine.capture import StateCapture
from core.engine.prefix import Prefix, compute_prefix, shared_beginning
from core.models.loading import LoadedModel

NAME = "telltale_packed"
BEYOND_CAUSALITY = (
    "sliding_window",
    "softcap",
    "s_aux",
    "sinks",
    "position_bias",
    "indices",
    "block_indices",
)
"""What some models hand to their attention that changes what a token sees or how."""
SAME, SAME_IN_HALF = 1e-4, 0.05
"""The largest relative distance between two readings of one state, in float32 and in half precision."""


class NotPackableError(Exception):
    """This model's attention is more than keys, values and causality: it is read with padding instead."""


@dataclass(frozen=True, eq=False)
class Tree:
    """Prompts as a tree of tokens in one row.

    Attributes:
        tokens: ids, (row length,), and `depths`: how many tokens of the prompt are before each.
        paths: of each prompt, where its tokens lie in the row.
        first: of each prompt, how many of its tokens lie with an earlier prompt.
        order: prompts in the order in which they were laid down.
    """

    tokens: list[int]
    depths: list[int]
    paths: list[list[int]]
    first: list[int]
    order: list[int]


def grow_tree(prompts: Sequence[tuple[int, ...]]) -> Tree:
    """Lay prompts down in one row, each after the one that it shares most of its beginning with."""
    order = sorted(range(len(prompts)), key=prompts.__getitem__)
    tokens: list[int] = []
    depths: list[int] = []
    paths: list[list[int]] = [[] for _ in prompts]
    first = [0] * len(prompts)
    before: tuple[int, ...] = ()
    path: list[int] = []
    for number in order:
        prompt = prompts[number]
        same = len(shared_beginning([before, prompt]))
        path = path[:same] + list(range(len(tokens), len(tokens) + len(prompt) - same))
        tokens += prompt[same:]
        depths += range(same, len(prompt))
        paths[number], first[number], before = path, same, prompt
    return Tree(tokens, depths, paths, first, order)


def fresh_tokens(prompts: Sequence[tuple[int, ...]]) -> list[int]:
    """How many tokens each prompt adds to those before it, where prompts come in the order of their ids."""
    before = [(), *prompts[:-1]]
    return [
        len(prompt) - len(shared_beginning([last, prompt]))
        for last, prompt in zip(before, prompts, strict=True)
    ]


_weighed = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
"""Attention, and the logarithm of the sum of its weights: what two attentions are put together by. The CPU's
operator gives it; on other devices prefix and prompt are attended to as one."""


class Packing:
    """A tree ready for attention: who asks, what it sees, and the keys and values that were seen.

    Args:
        prefix: what stands before every prompt of the tree.
        keep: whether to keep keys and values, for `cache`.
    """

    def __init__(self, tree: Tree, prefix: Prefix, device: torch.device, keep: bool) -> None:
        self._prefix, self._keep = prefix, keep
        self.kept: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.calls = 0
        asking = [number for number in tree.order if tree.first[number] < len(tree.paths[number])]
        own = [tree.paths[number][tree.first[number] :] for number in asking]
        self._ask = _padded_right(own).to(device)
        self._see = _padded_right([tree.paths[number] for number in asking]).to(device)
        places = torch.empty(len(tree.tokens), dtype=torch.long)
        width = self._ask.shape[1]
        for row, mine in enumerate(own):
            places[mine[0] : mine[0] + len(mine)] = torch.arange(row * width, row * width + len(mine))
        self._places = places.to(device)
        # A token sees those of its path that are no deeper than itself. What is padded asks, and is not read.
        depths = torch.tensor([tree.first[number] for number in asking], device=device)[:, None]
        depths = depths + torch.arange(width, device=device)
        self._causal = torch.arange(self._see.shape[1], device=device) <= depths[:, :, None]
        self._masks: dict[tuple, torch.Tensor] = {}
        self._paths = tree.paths

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None
    ) -> torch.Tensor:
        """Attention of the row to the tree and the prefix.

        Args:
            query: (1, heads, row, d_head); key, value: (1, key heads, row, d_head).

        Returns:
            (1, row, heads, d_head).
        """
        number, self.calls = self.calls, self.calls + 1
        if self._keep:
            self.kept.append((key, value))
        heads, shared = query.shape[1], key.shape[1]
        group, (rows, asked) = heads // shared, self._ask.shape
        q = query[0].transpose(0, 1)[self._ask.flatten()].view(rows, asked, shared, group, -1)
        q = q.permute(0, 2, 3, 1, 4).reshape(rows, shared, group * asked, -1)

        def as_row(found: torch.Tensor) -> torch.Tensor:
            """(prompt, key head, query head × token, …) as (token of the row, head, …)."""
            parted = found.reshape(rows, shared, group, asked, -1).permute(0, 3, 1, 2, 4)
            return parted.reshape(rows * asked, heads, -1)[self._places]

        if not self._prefix.length or query.device.type != "cpu" or query.shape[-1] != value.shape[-1]:
            k, v = self._after_prefix(number, (key, value), self._see)
            mask = self._mask(group, q.dtype, self._prefix.length)
            return as_row(scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale))[None]
        k, v = self._own((key, value), self._see)
        own, own_weight = _weighed(q, k, v, attn_mask=self._mask(group, q.dtype, 0), scale=scale)
        whole = query.reshape(1, shared, group * query.shape[2], -1)
        past, past_weight = _weighed(whole, *self._prefix.pairs[number], scale=scale)
        past = past.view(heads, query.shape[2], -1).transpose(0, 1)
        past_weight = past_weight.reshape(heads, query.shape[2], 1).transpose(0, 1)
        share = torch.sigmoid(past_weight - as_row(own_weight)).to(own.dtype)
        return torch.lerp(as_row(own), past, share)[None]

    def _own(self, pair: tuple[torch.Tensor, torch.Tensor], places: torch.Tensor) -> list[torch.Tensor]:
        """Keys and values of one block at places of the row: two of (prompt, key heads, place, d_head)."""
        rows, width = places.shape
        return [
            tensor[0].transpose(0, 1)[places.flatten()].view(rows, width, tensor.shape[1], -1).transpose(1, 2)
            for tensor in pair
        ]

    def _after_prefix(
        self, number: int, pair: tuple[torch.Tensor, torch.Tensor], places: torch.Tensor
    ) -> list[torch.Tensor]:
        """Keys and values of one block at places of the row, (prompt, place), after the prefix's.

        Returns:
            Two of (prompt, key heads, prefix + place, d_head).
        """
        own = self._own(pair, places)
        if not self._prefix.length:
            return own
        past = self._prefix.pairs[number]
        return [
            torch.cat([one.expand(len(places), -1, -1, -1), two], dim=2)
            for one, two in zip(past, own, strict=True)
        ]

    def _mask(self, group: int, dtype: torch.dtype, past: int) -> torch.Tensor:
        """What a token sees of so many before all prompts and of its own: 0, or nearly minus infinity."""
        if (group, dtype, past) not in self._masks:
            mask = torch.nn.functional.pad(self._causal, (past, 0), value=True)
            zeros = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
            mask = zeros.masked_fill(~mask, torch.finfo(dtype).min)
            self._masks[group, dtype, past] = mask.repeat(1, group, 1)[:, None]
        return self._masks[group, dtype, past]

    def cache(self) -> tuple[DynamicCache, torch.Tensor, torch.Tensor]:
        """Keys and values as if the prompts had been padded on the left, to go on from.

        Returns:
            The cache, the attention mask (prompt, past), and the position of each prompt's last token,
            (prompt, 1).
        """
        longest = max(map(len, self._paths))
        device = self._ask.device
        index = torch.tensor([[0] * (longest - len(path)) + path for path in self._paths], device=device)
        lengths = torch.tensor([len(path) for path in self._paths], device=device)[:, None]
        own = torch.arange(longest, device=device) >= longest - lengths
        mask = torch.nn.functional.pad(own.long(), (self._prefix.length, 0), value=1)
        cache = DynamicCache()
        for number, pair in enumerate(self.kept):
            keys, values = self._after_prefix(number, pair, index)
            cache.update(keys, values, number)
        self.kept.clear()
        return cache, mask, self._prefix.length + lengths - 1


def _padded_right(rows: list[list[int]]) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [row[-1]] * (longest - len(row)) for row in rows])


_packing: ContextVar[Packing | None] = ContextVar("packing", default=None)


def _attention(
    _module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Any,
    scaling: float | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """What transformers calls in place of its own attention while a packing is in force."""
    packing = _packing.get()
    beyond = (attention_mask, *(more.get(name) for name in BEYOND_CAUSALITY))
    if packing is None or any(one is not None for one in beyond):
        raise NotPackableError
    return packing.attend(query, key, value, scaling), None


AttentionInterface.register(NAME, _attention)


@contextmanager
def _in_force(loaded: LoadedModel, packing: Packing) -> Iterator[None]:
    usual = loaded.model.config._attn_implementation
    token = _packing.set(packing)
    try:
        loaded.model.set_attn_implementation(NAME)
        yield
    finally:
        _packing.reset(token)
        loaded.model.set_attn_implementation(usual)


@dataclass(frozen=True, eq=False)
class Read:
    """Prompts that were read.

    Attributes:
        logits: of each prompt's last token, (prompt, vocabulary), on the CPU.
        cache: keys and values to go on from, None where they were not wanted.
        mask: the attention mask to go on with, (prompt, past).
        last: the position of each prompt's last token, (prompt, 1).
    """

    logits: torch.Tensor
    cache: Any
    mask: torch.Tensor
    last: torch.Tensor


def read_packed(
    loaded: LoadedModel,
    capture: StateCapture,
    prompts: Sequence[tuple[int, ...]],
    prefix: Prefix,
    keep_cache: bool,
) -> Read:
    """Read prompts in one row; the capture then has their last tokens' states.

    Args:
        prompts: without the prefix.

    Raises:
        NotPackableError: the model's attention is not of this kind.
    """
    tree = grow_tree(prompts)
    device = loaded.device
    packing = Packing(tree, prefix, device, keep_cache)
    last = torch.tensor([path[-1] for path in tree.paths], device=device)
    with _in_force(loaded, packing), capture.at(last):
        logits = loaded.model(
            input_ids=torch.tensor([tree.tokens], device=device),
            position_ids=torch.tensor([tree.depths], device=device) + prefix.length,
            use_cache=False,
            logits_to_keep=last,
        ).logits
    if packing.calls != len(loaded.blocks) or logits.shape[1] != len(prompts):
        raise NotPackableError
    cache, mask, places = packing.cache() if keep_cache else (None, last, last)
    return Read(logits[0].float().cpu(), cache, mask, places)


_packable: WeakKeyDictionary[LoadedModel, bool] = WeakKeyDictionary()


def packable(loaded: LoadedModel) -> bool:
    """Whether a model reads the same from a packed row as by itself; tried once, on made prompts.

    Sliding windows, position biases, recurrent blocks and models on several devices fail it or refuse. So do
    models whose rotary factors hang on the longest prompt of a row (longrope).
    """
    if loaded not in _packable:
        _packable[loaded] = _agrees(loaded)
    return _packable[loaded]


@torch.inference_mode()
def _agrees(loaded: LoadedModel) -> bool:
    config = loaded.model.config.get_text_config()
    devices = {parameter.device for parameter in loaded.model.parameters()}
    if len(devices) > 1 or "longrope" in str(getattr(config, "rope_parameters", "")):
        return False
    drawn = torch.randint(config.vocab_size, (24,), generator=torch.Generator().manual_seed(0))
    begin, *rest = (tuple(part.tolist()) for part in drawn.split([6, 4, 5, 9]))
    same, one, two = rest
    prompts = [same + one, same + one + two, two, same[:2] + two]
    prefix = compute_prefix(loaded, begin)
    if not prefix.length:  # a cache that is more than keys and values: windows, chunks, an index
        return False
    limit = SAME if loaded.dtype == torch.float32 else SAME_IN_HALF
    try:
        with StateCapture(loaded) as capture:
            read_packed(loaded, capture, prompts, prefix, keep_cache=False)
            packed = capture.take()
            for prompt, found in zip(prompts, packed, strict=True):
                ids = torch.tensor([begin[: prefix.length] + prompt], device=loaded.device)
                loaded.model(input_ids=ids, use_cache=False, logits_to_keep=1)
                plain = capture.take()[0]
                apart = (found - plain).norm(dim=-1) / plain.norm(dim=-1).clamp_min(1e-30)
                if not bool((apart <= limit).all()):
                    return False
    except torch.OutOfMemoryError:
        raise
    except (NotPackableError, AttributeError, IndexError, RuntimeError, TypeError, ValueError):
        return False
    return True
