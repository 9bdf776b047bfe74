"""Whether a steered model still writes: the perplexity of plain text that nothing else here ever sees.

Each passage is cut in half. Its first half is read as a prompt and its second half as what is generated, so
that every choice of positions means here what it means for an answer. Only the second half is scored.
"""

from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from core.engine.arithmetic import FastLinear
from core.engine.steer import Edit, Steering, Where
from core.models.loading import LoadedModel
from core.steering.answering import ROWS, forward, shareable

PASSAGES = (
    "The ferry leaves the harbour twice a day, once in the morning and once before it gets dark.",
    "She put the letter back into its envelope and walked slowly down the stairs to the kitchen.",
    "In autumn the farmers store the apples in a dry cellar, where they keep until the spring.",
    "To reach the lighthouse you follow the path along the cliffs and cross a small wooden bridge.",
    "The meeting began late because the key to the room was nowhere to be found that afternoon.",
    "After the storm the children collected shells on the beach and carried them home in a bucket.",
)


@torch.inference_mode()
def losses(loaded: LoadedModel, edit: Edit, where: Where, passage: str) -> tuple[np.ndarray, int]:
    """The negative log-likelihood of a passage's second half under each condition, nats; and its tokens.

    Args:
        edit: its vectors are (conditions, d_model).
    """
    ids = tuple(loaded.tokenizer(passage).input_ids)
    half = len(ids) // 2
    prefix = shareable(loaded, ids[:half], where)
    wanted = torch.tensor(ids[half:])
    found = []
    for start in range(0, len(edit.vectors), ROWS):
        part = Edit(edit.how, edit.layer, edit.vectors[start : start + ROWS])
        rows = len(part.vectors)
        with Steering(loaded, [part], where), FastLinear():
            cache: Any = prefix.cache(rows) if prefix.length else DynamicCache()
            tokens = torch.tensor(ids, device=loaded.device).expand(rows, -1)
            places = torch.arange(len(ids), device=loaded.device).expand(rows, -1)
            read = slice(prefix.length, half)
            first = forward(loaded, tokens[:, read], places[:, read], cache, last=True)
            rest = forward(loaded, tokens[:, half:-1], places[:, half:-1], cache)
        scores = torch.log_softmax(torch.cat([first, rest], dim=1), dim=-1)
        picked = scores.gather(2, wanted.expand(rows, -1)[:, :, None])[:, :, 0]
        found.append(-picked.double().sum(dim=1).numpy())
    return np.concatenate(found), len(wanted)
