"""Answers many prompts in batches that fit into memory: one that does not is halved, and nothing is lost."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from core.engine.batches import PACKED_TOKENS, cut_packed, cut_padded
from core.engine.packed import fresh_tokens, packable
from core.errors import ModelError
from core.models.loading import LoadedModel

Answer = TypeVar("Answer")


def in_batches(
    loaded: LoadedModel,
    prompts: Sequence[tuple[int, ...]],
    answer: Callable[[list[int], bool], list[Answer]],
    *,
    past: int = 0,
    tokens: int = PACKED_TOKENS,
) -> Iterator[tuple[list[int], list[Answer]]]:
    """Answer batch by batch.

    Args:
        prompts: token ids, without a prefix of `past` tokens that is read elsewhere.
        answer: takes the places of a batch in `prompts`, and whether it is to be packed; gives their answers.
        tokens: of a packed batch at most.

    Yields:
        The places of a batch, and its answers. Packed prompts come in the order of their ids, so that what
        they share is in one batch; padded ones by length.

    Raises:
        ModelError: not even one prompt fits into memory.
    """
    packed = packable(loaded)
    if packed:
        order = sorted(range(len(prompts)), key=prompts.__getitem__)
        in_order = [prompts[place] for place in order]
        batches = cut_packed(fresh_tokens(in_order), list(map(len, in_order)), past, most=tokens)
    else:
        order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
        batches = cut_padded([len(prompts[place]) for place in order])
    todo = [[order[number] for number in batch] for batch in reversed(batches)]
    while todo:
        places = todo.pop()
        # One alone has nothing to share, and needs no mask where it is not packed.
        made = _unless_out_of_memory(answer, places, packed and len(places) > 1)
        if made is not None:
            yield places, made
            continue
        if len(places) == 1:
            length = len(prompts[places[0]])
            raise ModelError(
                f"not enough memory for a prompt of {length:,} tokens: choose shorter texts, fewer "
                "demonstrations or a smaller model"
            )
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        middle = len(places) // 2
        todo += [places[middle:], places[:middle]]


def _unless_out_of_memory(
    answer: Callable[[list[int], bool], list[Answer]], places: list[int], packed: bool
) -> list[Answer] | None:
    """The answers; None where memory ran out. The error is let go of here: it holds the batch's tensors."""
    try:
        return answer(places, packed)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or in the machine."""
    told = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error).lower() for words in told
    )
