"""Answers blocks of a harvest together: what their prompts share is read once."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from core.engine.arm_prefixes import ArmPrefixes
from core.engine.in_batches import in_batches
from core.engine.plan import Block, Item
from core.engine.prefix import Prefix
from core.models.loading import LoadedModel

Answer = TypeVar("Answer")
Asked = list[tuple[Block, Item]]


def answer_blocks(
    loaded: LoadedModel,
    prefixes: ArmPrefixes,
    blocks: Sequence[Block],
    tokens: int,
    answer: Callable[[Asked, Prefix, bool], list[Answer]],
) -> list[list[Answer]]:
    """Each block's answers in its order.

    Args:
        tokens: of a packed batch at most.
        answer: takes the items of a batch, the prefix that their prompts begin with, and whether they are to
            be packed.
    """
    asked = [(block, item) for block in blocks for item in block.items]
    prompts = [item.prompt.ids for _, item in asked]
    prefix = prefixes.of(tuple(dict.fromkeys(block.arm for block in blocks)), prompts)
    suffixes = [prompt[prefix.length :] for prompt in prompts]
    answers: dict[int, Answer] = {}
    for places, made in in_batches(
        loaded,
        suffixes,
        lambda places, packed: answer([asked[place] for place in places], prefix, packed),
        past=prefix.length,
        tokens=tokens,
    ):
        answers.update(zip(places, made, strict=True))
    in_order = iter(range(len(asked)))
    return [[answers[next(in_order)] for _ in block.items] for block in blocks]
