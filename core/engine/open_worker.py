"""Answers blocks of open questions: generates freely, reads what was named, keeps every token's state."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.answers import Said, growing_text, token_span
from core.engine.answer_blocks import Asked, answer_blocks
from core.engine.arithmetic import LaidOut
from core.engine.arm_prefixes import ArmPrefixes
from core.engine.generate import Emitted, emit_batch, states_at
from core.engine.plan import Block, Plan, key_columns
from core.engine.prefix import Prefix
from core.models.loading import LoadedModel
from core.open_answers import OpenAnswer, read_open
from core.store.run_states import RunStates

SAID = {"right": 1, "wrong": 0}
NO_CHOICES = {"p_0": 0.0, "p_1": 0.0, "outside": 0.0, "leans": 0, "leans_calibrated": 0, "offset": 0.0}
"""What the table wants of every answer and an open one does not have; `RunStore.answers` gives NaN for it."""


@dataclass(frozen=True, eq=False)
class OpenGenerated:
    """One open answer.

    Attributes:
        said: 1 where it is right, 0 where it is wrong, None else; the tokens of the entity's first mention.
        states: at each position, (layers, d_model), as of a choice whose tokens are the mention's.
        token_states: of every generated token but those that end the turn, (tokens, layers, d_model).
    """

    emitted: Emitted
    read: OpenAnswer
    said: Said
    states: dict[str, np.ndarray]
    token_states: np.ndarray


class OpenWorker:
    """Keeps what blocks share: prefixes, and weights laid out for speed.

    Args:
        tokens: of a packed batch at most.
    """

    def __init__(self, plan: Plan, loaded: LoadedModel, tokens: int) -> None:
        self.plan, self.loaded, self.tokens = plan, loaded, tokens
        self._prefixes, self._weights = ArmPrefixes(plan, loaded), LaidOut(loaded.parameters)

    def generate(self, blocks: Sequence[Block]) -> list[list[OpenGenerated]]:
        """The answers of blocks that are asked together, each block's in its order."""

        def answer(asked: Asked, prefix: Prefix, packed: bool) -> list[OpenGenerated]:
            emitted = emit_batch(
                self.loaded,
                [item.prompt.ids for _, item in asked],
                self.plan.settings.decoding,
                prefix=prefix,
                feed_last=True,
                keys=[self.plan.sampling_key(block, item) for block, item in asked],
                packed=packed,
            )
            return [self._read(item.question, one) for (_, item), one in zip(asked, emitted, strict=True)]

        with self._weights.in_force():
            return answer_blocks(self.loaded, self._prefixes, blocks, self.tokens, answer)

    def calibrations(self, block: Block) -> list[dict]:
        """Open answers lean to no choice."""
        return []

    def write_tokens(self, store: RunStates, run: str, block: Block, generated: list[OpenGenerated]) -> None:
        """The states of every generated token."""
        store.token_states(run).write(self._first(block), [answer.token_states for answer in generated])

    def rows(self, block: Block, generated: list[OpenGenerated]) -> list[dict]:
        """The block's answers as database rows."""
        starts = np.cumsum([0, *(len(answer.token_states) for answer in generated)])
        first = self._first(block)
        return [
            {
                **key_columns(block, item),
                "generated": answer.emitted.text,
                "ids": json.dumps(answer.emitted.ids),
                "said": answer.said.choice,
                "said_start": answer.said.start,
                "said_end": answer.said.end,
                "spellings": "[]",
                "top": json.dumps(answer.emitted.top),
                "prompt_tokens": len(item.prompt.ids),
                "outcome": answer.read.outcome,
                "named": answer.read.named,
                "first_token": int(first + start),
                "tokens": len(answer.token_states),
                "not_finite": int(not answer.emitted.finite),
                **NO_CHOICES,
            }
            for item, answer, start in zip(block.items, generated, starts[:-1], strict=True)
        ]

    def _is_cut(self, emitted: Emitted, text: str) -> bool:
        """Whether the tokens ran out before the model or a stop string ended the answer."""
        decoding = self.plan.settings.decoding
        ended = emitted.ids != emitted.content or any(mark in text.lstrip() for mark in decoding.stop)
        return len(emitted.ids) == decoding.max_new_tokens and not ended

    def _first(self, block: Block) -> int:
        """The block's first place in the token states."""
        return block.first_row * self.plan.settings.decoding.max_new_tokens

    def _read(self, question: int, emitted: Emitted) -> OpenGenerated:
        pieces = growing_text(self.loaded.tokenizer, emitted.content)
        text = pieces[-1] if pieces else ""
        readable = text if emitted.finite else ""
        read = read_open(readable, self.plan.questions[question], self._is_cut(emitted, text))
        said = Said(None)
        if read.named is not None:
            said = Said(SAID[read.outcome], *token_span(pieces, read.start, read.end))
        tokens = len(emitted.content)
        states = states_at(emitted.steps, self.plan.settings.positions, said, tokens)
        return OpenGenerated(emitted, read, said, states, emitted.steps[1 : tokens + 1])
