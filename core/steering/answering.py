"""Answers one prompt under many conditions at once: each row of the batch is steered in its own way.

What no condition changes is computed once: with positions `last` and `generated` all tokens of the prompt but
its last. Rows whose answer has ended leave the batch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from core.answers import Reader, boundary_ids, choice_masses, read_said
from core.engine.arithmetic import FastLinear
from core.engine.decoding import Decoding
from core.engine.generate import end_ids, generate_batch, stopped
from core.engine.prefix import EMPTY, Prefix, compute_prefix
from core.engine.steer import Edit, Steering, Where
from core.models.loading import LoadedModel

ROWS = 64
"""Conditions in one batch: what their keys and values take fits into a small machine's memory."""


@dataclass(frozen=True)
class Steered:
    """One answer under one condition: what was said (None: no choice), and the choices' probabilities."""

    said: int | None
    p_0: float
    p_1: float


def shareable(loaded: LoadedModel, ids: tuple[int, ...], where: Where) -> Prefix:
    """The keys and values that all conditions share; empty where every token of the prompt is steered."""
    return compute_prefix(loaded, ids[:-1]) if where in ("last", "generated") else EMPTY


def answer_steered(
    loaded: LoadedModel,
    ids: tuple[int, ...],
    reader: Reader,
    edit: Edit,
    where: Where,
    decoding: Decoding,
) -> list[Steered]:
    """Answer one prompt, greedily, under each condition.

    Args:
        ids: the prompt's tokens.
        edit: its vectors are (conditions, d_model).
        decoding: the most tokens, and where to stop; its temperature is not used.
    """
    prefix = shareable(loaded, ids, where)
    found: list[Steered] = []
    for start in range(0, len(edit.vectors), ROWS):
        part = Edit(edit.how, edit.layer, edit.vectors[start : start + ROWS])
        answer = _single if reader.single else _several
        found += answer(loaded, ids, reader, part, where, decoding, prefix)
    return found


@torch.inference_mode()
def _single(
    loaded: LoadedModel,
    ids: tuple[int, ...],
    reader: Reader,
    edit: Edit,
    where: Where,
    decoding: Decoding,
    prefix: Prefix,
) -> list[Steered]:
    """For choices of one token."""
    rows, ends = len(edit.vectors), end_ids(loaded)
    emitted: list[list[int]] = [[] for _ in range(rows)]
    alive = list(range(rows))
    spelled = [spelling.ids[0] for spelling in reader.spellings]
    with Steering(loaded, [edit], where) as steering, FastLinear():
        cache: Any = prefix.cache(rows) if prefix.length else DynamicCache()
        tokens = torch.tensor([ids[prefix.length :]], device=loaded.device).expand(rows, -1)
        places = torch.arange(prefix.length, len(ids), device=loaded.device)[None].expand(rows, -1)
        logits = forward(loaded, tokens, places, cache, last=True)[:, -1]
        shares = torch.softmax(logits.double(), dim=-1)[:, spelled].tolist()
        for step in range(decoding.max_new_tokens):
            chosen = logits.argmax(dim=-1).tolist()
            going = []
            for place, (row, number) in enumerate(zip(alive, chosen, strict=True)):
                emitted[row].append(number)
                if number not in ends and not stopped(loaded.tokenizer, emitted[row], decoding.stop):
                    going.append(place)
            if not going or step + 1 == decoding.max_new_tokens:
                break
            kept = torch.tensor(going, device=loaded.device)
            if len(going) < len(alive):
                cache.batch_select_indices(kept)
                steering.keep(kept)
                alive = [alive[place] for place in going]
            fed = torch.tensor([[emitted[row][-1]] for row in alive], device=loaded.device)
            places = torch.full_like(fed, len(ids) + step)
            logits = forward(loaded, fed, places, cache)[:, -1]
    made = []
    for row in range(rows):
        content = [number for number in emitted[row] if number not in ends]
        said = read_said(loaded.tokenizer, content, reader.choices).choice
        made.append(Steered(said, *choice_masses(reader, shares[row])))
    return made


def _several(
    loaded: LoadedModel,
    ids: tuple[int, ...],
    reader: Reader,
    edit: Edit,
    where: Where,
    decoding: Decoding,
    prefix: Prefix,
) -> list[Steered]:
    """For choices of several tokens, whose whole spellings are scored under the same steering."""
    rows = len(edit.vectors)
    greedy = Decoding(decoding.max_new_tokens, decoding.stop)
    with Steering(loaded, [edit], where):
        answers = generate_batch(
            loaded, [ids] * rows, reader, greedy, prefix=prefix, boundary=boundary_ids(loaded.tokenizer)
        )
    return [
        Steered(answer.said.choice, *choice_masses(reader, list(answer.spelling_probabilities)))
        for answer in answers
    ]


def forward(
    loaded: LoadedModel, tokens: torch.Tensor, places: torch.Tensor, cache: Any, last: bool = False
) -> torch.Tensor:
    """Logits (rows, tokens, vocabulary), float32, on the CPU, of unpadded rows that go on from a cache.

    Args:
        last: only the last token's, (rows, 1, vocabulary).
    """
    mask = torch.ones(len(tokens), int(places[0, -1]) + 1, dtype=torch.long, device=loaded.device)
    output = loaded.model(
        input_ids=tokens,
        attention_mask=mask,
        position_ids=places,
        cache=cache,
        use_cache=True,
        logits_to_keep=int(last),
    )
    return output.logits.float().cpu()


def vectors_of(conditions: np.ndarray) -> torch.Tensor:
    """Steering vectors as the engine takes them, (conditions, d_model) float32."""
    return torch.from_numpy(np.ascontiguousarray(conditions, dtype=np.float32))
