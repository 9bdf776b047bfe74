"""What an adapter changes."""

import re
from pathlib import Path

from safetensors import safe_open


def first_adapted_block(folder: Path | None) -> int | None:
    """The lowest block that a LoRA adapter changes; None without one, or where it changes more than blocks.

    Up to the layer of that number, which holds the states that go into that block, the adapted model cannot
    differ from the plain one.
    """
    if folder is None:
        return None
    with safe_open(folder / "adapter_model.safetensors", "np") as file:
        found = [re.search(r"\.(\d+)\.", name) for name in file.keys()]  # noqa: SIM118 (no mapping)
    if not found or None in found:
        return None
    return min(int(match.group(1)) for match in found if match)
