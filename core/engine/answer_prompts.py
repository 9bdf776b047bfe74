"""Answers a list of prompts: the shared prefix once, the rest cut into batches."""

from collections.abc import Iterator, Sequence

from core.answers import Reader
from core.engine.decoding import Decoding
from core.engine.generate import Generated, generate_batch
from core.engine.in_batches import in_batches
from core.engine.prefix import Prefix, compute_prefix, shared_length
from core.models.loading import LoadedModel


def answer_prompts(
    loaded: LoadedModel,
    prompts: Sequence[tuple[int, ...]],
    reader: Reader,
    decoding: Decoding,
    *,
    prefix: Prefix | None = None,
    boundary: list[int] | None = None,
    keys: Sequence[str] | None = None,
) -> Iterator[tuple[list[int], list[Generated]]]:
    """What the model says to each prompt, batch by batch, without states; in an order of the batches' own.

    The answers are those that each prompt gets by itself.

    Args:
        prompts: whole prompts, token ids; at best of one instruction, so that they share a long prefix.
        prefix: what all prompts begin with; None to find and read it.
        boundary: ids that end a word; needed where the reader's spellings have several tokens.
        keys: one per prompt, so that sampling depends on the answer and not on the batch.

    Yields:
        The places in `prompts` that a batch answers, and its answers in that order.
    """
    if not prompts:
        return
    if prefix is None:
        prefix = compute_prefix(loaded, prompts[0][: shared_length(list(prompts))])

    def answer(places: list[int], packed: bool) -> list[Generated]:
        return generate_batch(
            loaded,
            [prompts[place] for place in places],
            reader,
            decoding,
            prefix=prefix,
            positions=(),
            boundary=boundary,
            keys=None if keys is None else [keys[place] for place in places],
            packed=packed,
        )

    suffixes = [prompt[prefix.length :] for prompt in prompts]
    yield from in_batches(loaded, suffixes, answer, past=prefix.length)
