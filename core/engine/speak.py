"""Lets a model speak token by token, each told with what a probe scores where the model read it.

One forward pass chooses a token and the next reads it, to choose the one after it: scores take the states of
that pass, and none of their own. Only the answer's last token is read for its score alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from core.engine.capture import StateCapture
from core.engine.generate import end_ids, pad_left
from core.errors import Cancelled, TemplateError
from core.models.loading import LoadedModel
from core.prompts.chat import Prompt, check_length

MOST_TOKENS = 128
UNFINISHED = "\ufffd"
"""What a tokenizer writes for the first bytes of a character whose others are still to come."""


@dataclass(frozen=True, eq=False)
class Spoken:
    """A token that the model read, and the scores of its states there.

    Attributes:
        number: 0 is the prompt's last token, which the answer follows; the answer's own count from 1.
        piece: the text that it adds to the answer; empty for the prompt's token, for special ones, and for
            the bytes of a character that is still unfinished.
        scores: (layers,), each layer by its own probe.
    """

    number: int
    id: int
    piece: str
    scores: np.ndarray


@torch.inference_mode()
def speak(
    loaded: LoadedModel,
    prompts: list[Prompt],
    score: Callable[[np.ndarray], np.ndarray],
    new_tokens: int,
    *,
    tell: Callable[[int, Spoken], None],
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Answer prompts side by side, greedily, until each turn is ended or has so many tokens.

    Args:
        score: gives the scores (prompts, layers) of states (prompts, layers, d_model).
        new_tokens: 1 to `MOST_TOKENS`.
        tell: called with (place of the prompt, token) as tokens are read; the token that ends a turn is not
            told. A turn's pieces join to its text, without special tokens.
        cancelled: asked before each pass.

    Raises:
        TemplateError: another number of tokens, or a prompt that leaves no room for them.
        Cancelled: `cancelled` said so; what was told until then stands.
    """
    if not 1 <= new_tokens <= MOST_TOKENS:
        raise TemplateError(f"{new_tokens} new tokens: choose 1 to {MOST_TOKENS}")
    for prompt in prompts:
        check_length(prompt, new_tokens, loaded.context, "what was typed")
    pad, ends = loaded.tokenizer.pad_token_id, end_ids(loaded)
    tokens, mask, places = pad_left([prompt.ids for prompt in prompts], 0, pad, loaded.device)
    turns = {row: _Turn(loaded.tokenizer) for row in range(len(prompts))}
    following = [prompt.ids[-1] for prompt in prompts]
    cache = DynamicCache()
    with StateCapture(loaded) as capture:
        for number in range(new_tokens + 1):
            if cancelled():
                raise Cancelled("the answer was cancelled: what had been said stands")
            output = loaded.model(
                input_ids=tokens,
                attention_mask=mask,
                position_ids=places,
                cache=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            scores = score(capture.take().numpy())
            read, following = following, output.logits[:, -1].argmax(dim=-1).tolist()
            for row, turn in turns.items():
                last = number == new_tokens or following[row] in ends
                piece = turn.add(read[row], last) if number else ""
                tell(row, Spoken(number, read[row], piece, scores[row]))
            turns = {row: turn for row, turn in turns.items() if following[row] not in ends}
            if not turns:
                break
            fed = [chosen if row in turns else pad for row, chosen in enumerate(following)]
            tokens = torch.tensor(fed, device=loaded.device)[:, None]
            mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], dim=1)
            places = places[:, -1:] + 1


class _Turn:
    """The text of a growing turn, given out in pieces that never break a character."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._given = 0

    def add(self, number: int, last: bool) -> str:
        """What one more token adds to the text; the last one adds an unfinished character too."""
        self._ids.append(number)
        text = self._tokenizer.decode(self._ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        if text.endswith(UNFINISHED) and not last:
            return ""
        piece, self._given = text[self._given :], len(text)
        return piece
