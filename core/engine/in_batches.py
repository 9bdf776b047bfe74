"""Answers many prompts in batches that fit into memory: one that does not is halved, and nothing is lost."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from core.engine.batches import PACKED_TOKENS, cut_packed, cut_padded
from core.engine.packed import packable
from core.errors import ModelError
from core.models.loading import LoadedModel

Answer = TypeVar("Answer")


def in_batches(
    loaded: LoadedModel,
    lengths: Sequence[int],
    answer: Callable[[range, bool], list[Answer]],
    tokens: int = PACKED_TOKENS,
) -> Iterator[tuple[range, list[Answer]]]:
    """Answer batch by batch, in order.

    Args:
        lengths: tokens that each prompt puts through the model, at best in ascending order.
        answer: takes the places of a batch, and whether its prompts are packed; gives their answers.
        tokens: of a packed batch at most.

    Yields:
        The places of a batch, and its answers.

    Raises:
        ModelError: not even one prompt fits into memory.
    """
    packed = packable(loaded)
    todo = cut_packed(list(lengths), tokens) if packed else cut_padded(list(lengths))
    todo.reverse()
    while todo:
        batch = todo.pop()
        try:
            made = answer(batch, packed)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise ModelError(
                    f"not enough memory for a prompt of {lengths[batch[0]]:,} tokens: choose shorter texts, "
                    "fewer demonstrations or a smaller model"
                ) from error
            made = None
        # Outside the except clause, whose error holds the tensors of the batch that did not fit.
        if made is not None:
            yield batch, made
            continue
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        middle = len(batch) // 2
        todo += [batch[middle:], batch[:middle]]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or in the machine."""
    told = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error).lower() for words in told
    )
