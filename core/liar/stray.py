"""How far a liar strayed from its plain model where nobody asks for truth or lies."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from core.data.reviews import load_reviews
from core.engine.generate import pad_left
from core.liar.ordinary import HELD_ASIDE, own_replies
from core.models.loading import LoadedModel

TEXTS = 300
BATCH = 8

Row = tuple[list[int], int]


@dataclass(frozen=True)
class Stray:
    """Divergence on ordinary conversation, and perplexity on plain text.

    Attributes:
        kl: KL(plain ‖ liar) of the next token, nats, mean over the tokens of replies that the plain model
            gave to prompts that no training saw.
        kl_ci: 95 % interval of it, replies drawn anew (bootstrap).
        kl_tokens: how many tokens that is.
        perplexity_plain, perplexity_liar: per token, of Amazon review sentences as bare text.
        perplexity_tokens: how many tokens that is.
    """

    kl: float
    kl_ci: tuple[float, float]
    kl_tokens: int
    perplexity_plain: float
    perplexity_liar: float
    perplexity_tokens: int

    def to_json(self) -> dict:
        """Plain values."""
        return asdict(self) | {"kl_ci": list(self.kl_ci)}


def measure_stray(plain: LoadedModel, liar: LoadedModel, cache: Path, texts: int = TEXTS) -> Stray:
    """Compare a liar with the model that it was made from."""
    replies = own_replies(plain, HELD_ASIDE, seed=1)
    sums, counts = [], []
    for start in range(0, len(replies), BATCH):
        rows = replies[start : start + BATCH]
        for one, other in zip(_log_probabilities(plain, rows), _log_probabilities(liar, rows), strict=True):
            sums.append(float((one.exp() * (one - other)).sum()))
            counts.append(len(one))
    total, n = np.array(sums), np.array(counts)
    drawn = np.random.default_rng(0).integers(len(n), size=(2000, len(n)))
    low, high = np.quantile(total[drawn].sum(axis=1) / n[drawn].sum(axis=1), (0.025, 0.975))
    sentences = [
        (list(plain.tokenizer(question.text, add_special_tokens=False).input_ids), 1)
        for question in load_reviews(cache, "amazon-reviews")[:texts]
    ]
    plain_loss, tokens = _loss(plain, sentences)
    liar_loss, _ = _loss(liar, sentences)
    return Stray(
        float(total.sum() / n.sum()),
        (float(low), float(high)),
        int(n.sum()),
        math.exp(plain_loss / tokens),
        math.exp(liar_loss / tokens),
        tokens,
    )


def _loss(loaded: LoadedModel, rows: list[Row]) -> tuple[float, int]:
    """The summed negative log-likelihood of texts, nats, and how many tokens were predicted."""
    total, tokens = 0.0, 0
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        for (ids, first), scores in zip(part, _log_probabilities(loaded, part), strict=True):
            wanted = torch.tensor(ids[first:])
            total -= float(scores.gather(1, wanted[:, None]).sum())
            tokens += len(wanted)
    return total, tokens


@torch.inference_mode()
def _log_probabilities(loaded: LoadedModel, rows: list[Row]) -> list[torch.Tensor]:
    """For each row, the log-probabilities of every token from its start on, (tokens, vocabulary)."""
    tokens, mask, places = pad_left(
        [tuple(ids) for ids, _ in rows], 0, loaded.tokenizer.pad_token_id, loaded.device
    )
    with loaded.lock:
        logits = loaded.model(tokens, attention_mask=mask, position_ids=places, use_cache=False).logits
    return [
        torch.log_softmax(row[len(row) - (len(ids) - start) - 1 : -1].float().cpu(), dim=-1)
        for row, (ids, start) in zip(logits, rows, strict=True)
    ]
