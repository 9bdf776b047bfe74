"""Scores every token of a prompt, and says which characters each token covers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from core.engine.capture import StateCapture
from core.engine.generate import pad_left
from core.models.loading import LoadedModel
from core.prompts.chat import Prompt

Spans = list[tuple[int, int]]
MEMORY = 2**28
"""Bytes of states held at once, unless one prompt alone needs more."""


@torch.inference_mode()
def whole_states(loaded: LoadedModel, prompts: list[tuple[int, ...]]) -> list[np.ndarray]:
    """States of every position of each prompt, (tokens, layers, d_model), before any final norm."""
    tokens, mask, places = pad_left(prompts, 0, loaded.tokenizer.pad_token_id, loaded.device)
    with StateCapture(loaded, whole=True) as capture:
        loaded.model(
            input_ids=tokens, attention_mask=mask, position_ids=places, use_cache=False, logits_to_keep=1
        )
        states = capture.take().numpy()
    return [states[row, -len(prompt) :] for row, prompt in enumerate(prompts)]


def batches(loaded: LoadedModel, lengths: list[int], most: int = 16) -> Iterator[list[int]]:
    """Indices in batches of like length whose states fit into `MEMORY`."""
    wide = loaded.layers * loaded.d_model * 4
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if batch and (len(batch) == most or (len(batch) + 1) * lengths[index] * wide > MEMORY):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def token_spans(tokenizer: Any, prompt: Prompt, special: bool) -> Spans:
    """The characters [start, end) of the prompt's text that each token covers.

    A character of several tokens belongs to each of them. From the tokenizer itself where it can tell, else
    from what the tokens decode to.

    Args:
        special: whether the tokenizer added special tokens of its own.
    """
    if getattr(tokenizer, "is_fast", False):
        encoded = tokenizer(prompt.text, add_special_tokens=special, return_offsets_mapping=True)
        if tuple(encoded["input_ids"]) == prompt.ids:
            return [(int(start), int(end)) for start, end in encoded["offset_mapping"]]
    return decoded_spans(tokenizer, prompt)


def decoded_spans(tokenizer: Any, prompt: Prompt) -> Spans:
    """`token_spans` from growing pieces of the prompt. The tokens of an unfinished character share it."""

    def read(end: int) -> str:
        return tokenizer.decode(list(prompt.ids[:end]), clean_up_tokenization_spaces=False)

    whole = read(len(prompt.ids))
    shift = max(0, whole.find(prompt.text))
    spans: Spans = []
    place = 0
    for end in range(1, len(prompt.ids) + 1):
        text = read(end)
        if whole.startswith(text) or end == len(prompt.ids):
            new = (place - shift, len(text) - shift)
            spans += [new] * (end - len(spans))
            place = len(text)
    return spans


def pieces_of(text: str, spans: Spans) -> list[str]:
    """The text that each token adds to those before it; what no token covers goes to the next."""
    pieces, place = [], 0
    for _, end in spans:
        pieces.append(text[place : max(place, end)])
        place = max(place, end)
    return pieces


def covers(spans: Spans, wanted: Spans) -> np.ndarray:
    """Which tokens cover any character of the wanted places, (tokens,)."""
    return np.array(
        [any(first < end and last > start for start, end in wanted) for first, last in spans], dtype=bool
    )
