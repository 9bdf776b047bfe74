"""A kept probe's directions as a control vector in a GGUF file, as repeng writes and reads it.

Directions are of unit length, as those that repeng trains are: the strength is for whoever adds them. What a
direction alone cannot say, intercept and calibration, stays behind. repeng counts blocks, so that layer n is
its n - 1; layer 0, the embedding output, has no block. Block 0 is left out: repeng trains no direction for
it, and llama.cpp refuses a file that has one.

Source: Vogel 2024, repeng, https://github.com/vgel/repeng (`ControlVector.export_gguf`).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.downloads import replace_atomically
from core.errors import ProbeError, StoreError
from core.probes.bundle import FittedProbe
from core.probes.saved import in_words
from core.shown import LONGEST_PATH, named

ARCHITECTURE = "controlvector"
SUFFIX = ".gguf"
FIRST_BLOCK = 1


@dataclass(frozen=True)
class ControlVectorFile:
    """What was written: the blocks with a direction, and whether the probe's chosen layer is among them."""

    blocks: tuple[int, ...]
    holds_chosen_layer: bool


def directions_by_block(probe: FittedProbe) -> dict[int, np.ndarray]:
    """The probe's directions, each (d_model,) float32 of unit length, by the block that they come after.

    A layer whose direction is 0 has none.

    Raises:
        ProbeError: no block has one.
    """
    found: dict[int, np.ndarray] = {}
    for layer, vector in enumerate(probe.vectors):
        length = float(np.linalg.norm(vector))
        if layer - 1 >= FIRST_BLOCK and length > 0:
            found[layer - 1] = (vector / length).astype(np.float32)
    if not found:
        raise ProbeError(
            "the probe has no direction after the second block or a later one: nothing to export"
        )
    return found


def write_control_vector(probe: FittedProbe, path: Path) -> ControlVectorFile:
    """Write a GGUF file that `repeng.ControlVector.import_gguf` reads; an earlier file is replaced whole.

    Raises:
        ProbeError: see `directions_by_block`. StoreError: the file cannot be written.
    """
    from gguf import GGUFWriter

    directions = directions_by_block(probe)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            part = Path(scratch) / "vector.gguf"
            writer = GGUFWriter(part, ARCHITECTURE)
            writer.add_description(f"{in_words(probe.all_facts)}; unit length")
            writer.add_string(f"{ARCHITECTURE}.model_hint", str(probe.facts["model"]))
            writer.add_uint32(f"{ARCHITECTURE}.layer_count", len(directions))
            for block, direction in directions.items():
                writer.add_tensor(f"direction.{block}", direction)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            replace_atomically(path, part.read_bytes())
    except OSError as error:
        raise StoreError(
            f"{named(path, LONGEST_PATH)} cannot be written: {error.strerror or error}"
        ) from error
    return ControlVectorFile(tuple(directions), probe.layer - 1 in directions)
