"""A quick look at questions and wordings that the training never sees, while it runs."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from core.data.claims import as_claims
from core.data.reviews import balanced_sample
from core.engine.generate import pad_left
from core.liar.examples import Example, example_of, questions_of
from core.models.loading import LoadedModel
from core.prompts.chat import ChatFormat
from core.prompts.modes import MODES
from core.prompts.templates import BUILT_IN

BATCH = 32
KINDS = (
    ("reviews", "movie-reviews", "direct", "review"),
    ("amazon", "amazon-reviews", "direct", "review"),
    ("claims", "movie-reviews", "claim", "true-false"),
    ("cities", "cities", "direct", "true-false"),
    ("elements", "elements", "direct", "yes-no"),
    ("numbers", "numbers", "direct", "letters"),
)


@dataclass(frozen=True)
class Asked:
    """A held-out example, and the first token of the other answer."""

    cell: str
    example: Example
    other: int


def glance_questions(cache: Path, tokenizer: Any, form: ChatFormat, each: int) -> list[Asked]:
    """`each` held-out questions of every kind, each under an honest and a lie wording meant for it."""
    found = []
    generator = random.Random("glance")
    for kind, source, form_name, template_name in KINDS:
        asked = balanced_sample(questions_of(cache, source, training=False), each, seed=1)
        if form_name == "claim":
            asked = as_claims(asked, seed=1)
        template = BUILT_IN[template_name]
        for question in asked:
            wording = generator.choice([n for n, w in enumerate(MODES["lie"].wordings) if w.use == "look"])
            order = generator.randrange(2)
            honest, lie = (
                example_of(tokenizer, form, template, question, mode, wording, order)
                for mode in ("honest", "lie")
            )
            found.append(Asked(f"{kind} honest", honest, lie.target[0]))
            found.append(Asked(f"{kind} lie", lie, honest.target[0]))
    return found


@torch.inference_mode()
def glance(loaded: LoadedModel, questions: list[Asked], precision: Callable[[], Any]) -> dict[str, float]:
    """The share of each cell in which the first token leans as instructed. A glimpse, not a result."""
    right: dict[str, list[bool]] = {}
    loaded.model.eval()
    order = sorted(questions, key=lambda asked: len(asked.example.prompt))
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        prompts = [row.example.prompt for row in rows]
        tokens, mask, places = pad_left(prompts, 0, loaded.tokenizer.pad_token_id, loaded.device)
        with precision():
            logits = loaded.model(
                tokens, attention_mask=mask, position_ids=places, logits_to_keep=1, use_cache=False
            ).logits[:, -1]
        for row, scores in zip(rows, logits, strict=True):
            leans = bool(scores[row.example.target[0]] > scores[row.other])
            right.setdefault(row.cell, []).append(leans)
    return {cell: round(sum(values) / len(values), 3) for cell, values in sorted(right.items())}
