"""What an adapter changes."""

import re
from pathlib import Path

from core.models.safetensors_header import read_header


def first_adapted_block(folder: Path | None) -> int | None:
    """The lowest block that a LoRA adapter changes; None without one, or where it changes more than blocks.

    Up to the layer of that number, which holds the states that go into that block, the adapted model cannot
    differ from the plain one.

    Raises:
        ModelError: its weights are damaged.
    """
    if folder is None:
        return None
    names = read_header(folder / "adapter_model.safetensors").tensors
    found = [re.search(r"\.(\d{1,9})\.", name) for name in names]
    if not found or None in found:
        return None
    return min(int(match.group(1)) for match in found if match)
