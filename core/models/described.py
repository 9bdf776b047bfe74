"""Whether a model's configuration describes what its weights hold.

A configuration is a line of text, and a library builds what it describes: a hundred million blocks take days
and all memory before anybody sees that the weights are of three.
"""

import re
from collections.abc import Mapping
from typing import Any

from core.errors import ModelError
from core.shown import named

COUNTS = re.compile(r"(layers?|blocks?|block_count|experts?|expert_count|depth)$")
"""How the names of what a library builds one by one end."""
USUAL_COUNT = 256
"""What such a number may be whatever the weights hold: some have a default that a small model leaves."""
PACKED = 32
"""Most values of a quantised model that one stored value may hold."""
SLACK = 1 << 26
"""Values that are missing, or are kept twice, and are told of when the weights are read."""


def check_counts(facts: Mapping[str, Any], tensors: int, name: str) -> None:
    """Refuse a configuration that counts more blocks than its weights have tensors.

    Args:
        facts: the configuration, one within another as they come.

    Raises:
        ModelError: names the count.
    """
    for key, value in facts.items():
        if isinstance(value, Mapping):
            check_counts(value, tensors, name)
        elif COUNTS.search(str(key)) and isinstance(value, int | float) and value > max(tensors, USUAL_COUNT):
            raise ModelError(
                f"{named(name)} describes {named(key)} {named(value)} and its weights are {tensors:,} "
                "tensors: they do not belong together"
            )


def check_described(folder: str, gguf: str | None, held: int, name: str) -> None:
    """Refuse a configuration that describes a far larger model than its weights hold, building none of it.

    Args:
        folder: where the configuration lies, and a GGUF file where that is the model.
        held: how many values the weights hold.

    Raises:
        ModelError: with both numbers.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    where = {"trust_remote_code": False, **({"gguf_file": gguf} if gguf else {})}
    try:
        config = AutoConfig.from_pretrained(folder, **where)
        with torch.device("meta"):
            described = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception:  # what does not build is refused with its reason when it is to be loaded
        return
    packed = PACKED if getattr(config, "quantization_config", None) else 1
    parts = (described.parameters(), held * packed + SLACK), (described.buffers(), held + (1 << 28))
    for found, most in parts:
        if (values := sum(part.numel() for part in found)) > most:
            raise ModelError(
                f"the configuration of {named(name)} describes {values:,} values and its weights hold "
                f"{held:,}: they do not belong together"
            )
