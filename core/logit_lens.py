"""The logit lens: what a layer's state would say if the model stopped there.

Source: nostalgebraist 2020, "Interpreting GPT: the logit lens". The state goes through the model's own final
norm and output matrix; of the result only the choices' tokens are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import ModelError

if TYPE_CHECKING:
    from core.models.loading import LoadedModel

FINAL_NORMS = ("norm", "ln_f", "final_layer_norm", "final_layernorm", "norm_f")
"""What the last norm is called in the decoders that transformers has."""
POSITIONS = ("prompt", "before")
"""Where the next token is the choice. Elsewhere the lens shows what follows it."""

Lens = Callable[[np.ndarray], np.ndarray]


def choice_lens(loaded: LoadedModel, spellings: list[dict]) -> Lens:
    """A function from states (n, d_model) to the log-odds of the second choice over the first, (n,), nats.

    Args:
        spellings: of a run's facts, each with `choice` (0 or 1) and `ids`, of which the first token counts.

    Raises:
        ModelError: the model's last norm is not found.
    """
    import torch
    from accelerate.utils import align_module_device

    norm = final_norm(loaded.model)
    head = loaded.model.get_output_embeddings()
    ids = [sorted({s["ids"][0] for s in spellings if s["choice"] == choice}) for choice in (0, 1)]

    def lens(states: np.ndarray) -> np.ndarray:
        with torch.inference_mode(), align_module_device(head):  # weights may lie on the disk meanwhile
            device = head.weight.device
            here = torch.from_numpy(np.ascontiguousarray(states)).to(device, loaded.dtype)
            logits = torch.nn.functional.linear(norm(here).to(device), head.weight[ids[0] + ids[1]]).float()
            if getattr(head, "bias", None) is not None:
                logits = logits + head.bias[ids[0] + ids[1]]
            first, second = logits[:, : len(ids[0])], logits[:, len(ids[0]) :]
            return (second.logsumexp(1) - first.logsumexp(1)).cpu().numpy().astype(np.float64)

    return lens


def final_norm(model: Any) -> Any:
    """The module between the last block and the output matrix.

    Raises:
        ModelError: it is not found.
    """
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else getattr(model, "base_model", None)
    for holder in (decoder, getattr(decoder, "decoder", None), getattr(model, "base_model", None)):
        for name in FINAL_NORMS:
            if (found := getattr(holder, name, None)) is not None:
                return found
    raise ModelError(f"the last norm of {type(model).__name__} is not known: its logit lens cannot be had")
