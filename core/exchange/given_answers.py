"""Reads answers that were given elsewhere with a model: teacher-forced, nothing of them is generated.

States stand where a harvest reads them, at the prompt's last token and within the answer's own. Beside that
stands what the model itself would have begun to say there.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.answers import Reader, Said, boundary_ids, choice_masses, leaning, read_said
from core.engine.decoding import POSITIONS, Decoding
from core.engine.generate import Generated, generate_batch, states_at
from core.engine.not_finite import not_finite_row
from core.errors import DataError
from core.exchange.conversations import Conversation
from core.models.loading import LoadedModel
from core.prompts.chat import Prompt, check_length, defuse
from core.scoring.tokens import batches, whole_states
from core.shown import named


@dataclass(frozen=True)
class GivenAnswer:
    """An answer as the model reads it: the ids of the prompt and of the answer, and the answer's text."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    text: str


@dataclass(frozen=True, eq=False)
class ReadAnswer:
    """What is stored of a given answer: its columns, and at each position its states, (layers, d_model)."""

    row: dict
    states: dict[str, np.ndarray]


def given_answer(loaded: LoadedModel, conversation: Conversation, what: str) -> GivenAnswer:
    """The ids of a conversation in the model's chat template.

    Args:
        what: to call it in a message.

    Raises:
        DataError: the model has no chat template, or its template does not allow this conversation.
        TemplateError: it is longer than the model's context.
    """
    tokenizer = loaded.tokenizer
    if not getattr(tokenizer, "chat_template", None):
        raise DataError(
            f"{loaded.name} has no chat template to put transcripts into: choose a model made for chat"
        )
    messages = [{"role": role, "content": defuse(tokenizer, text)} for role, text in conversation.before]
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except Exception as error:  # a template raises whatever its author chose, where it allows no such turns
        raise DataError(
            f"{what} does not fit the chat template of {loaded.name}: {named(error, 200)}"
        ) from error
    prompt = tuple(tokenizer(text, add_special_tokens=False).input_ids)
    answer = tuple(tokenizer(defuse(tokenizer, conversation.answer), add_special_tokens=False).input_ids)
    check_length(Prompt(text, prompt), len(answer), loaded.context, what)
    return GivenAnswer(prompt, answer, conversation.answer)


def read_given(
    loaded: LoadedModel, given: Sequence[GivenAnswer], said: Sequence[int | None], reader: Reader
) -> list[ReadAnswer]:
    """Read answers, in their order.

    Args:
        said: the choice that each amounts to, where that is known; else it is read from its tokens.
    """
    made: dict[int, ReadAnswer] = {}
    boundary = None if reader.single else boundary_ids(loaded.tokenizer)
    for places in batches(loaded, [len(one.prompt) + len(one.answer) for one in given]):
        chosen = [given[place] for place in places]
        begun = generate_batch(
            loaded,
            [one.prompt for one in chosen],
            reader,
            Decoding(max_new_tokens=1),
            boundary=boundary,
        )
        whole = whole_states(loaded, [one.prompt + one.answer for one in chosen])
        for place, one, own, states in zip(places, chosen, begun, whole, strict=True):
            steps = states[len(one.prompt) - 1 :]
            made[place] = _read(one, own, steps, _said(loaded, one, said[place], reader), reader)
    return [made[place] for place in range(len(given))]


def _said(loaded: LoadedModel, one: GivenAnswer, known: int | None, reader: Reader) -> Said:
    """What an answer says, and where; what is known of it stands, without a place where the tokens differ."""
    found = read_said(loaded.tokenizer, one.answer, reader.choices)
    return found if known is None or known == found.choice else Said(known)


def _read(one: GivenAnswer, own: Generated, steps: np.ndarray, said: Said, reader: Reader) -> ReadAnswer:
    placed = said if said.start >= 0 else Said(None)
    states = states_at(steps, POSITIONS, placed, len(one.answer))
    if not own.finite or not np.isfinite(steps).all():
        return ReadAnswer(not_finite_row(one.text, one.answer) | {"prompt_tokens": len(one.prompt)}, states)
    p_0, p_1 = choice_masses(reader, list(own.spelling_probabilities))
    leans = leaning(p_0, p_1)
    row = {
        "generated": one.text,
        "ids": json.dumps(one.answer),
        "said": said.choice,
        "said_start": said.start,
        "said_end": said.end,
        "p_0": p_0,
        "p_1": p_1,
        "outside": max(0.0, 1 - p_0 - p_1),
        "leans": leans,
        "leans_calibrated": leans,
        "offset": 0.0,
        "spellings": json.dumps(own.spelling_probabilities),
        "top": json.dumps(own.top),
        "prompt_tokens": len(one.prompt),
        "not_finite": 0,
    }
    return ReadAnswer(row, states)


def in_blocks(rows: int, block: int) -> Iterator[range]:
    """The numbers of the rows that are written together."""
    return (range(start, min(start + block, rows)) for start in range(0, rows, block))
