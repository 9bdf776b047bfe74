"""Layers by the names that TransformerLens gives them, so that its users and nnsight's need no table."""

import re
from collections.abc import Iterable

from core.errors import DataError
from core.shown import listed, quoted

EMBEDDING = "blocks.0.hook_resid_pre"
"""Layer 0, the embedding output, is what enters the first block."""
AFTER_BLOCK = re.compile(r"blocks\.([0-9]{1,4})\.hook_resid_post")
NUMBERED = re.compile(r"(?:layers?[._ -]?)?([0-9]{1,4})", re.IGNORECASE)


def layer_name(layer: int) -> str:
    """What TransformerLens calls a layer: `blocks.17.hook_resid_post` is layer 18."""
    return EMBEDDING if layer == 0 else f"blocks.{layer - 1}.hook_resid_post"


def layer_number(name: str) -> int | None:
    """The layer of a name, TransformerLens's or `layer.18` and the like; None where it is of no layer."""
    if name == EMBEDDING:
        return 0
    if found := AFTER_BLOCK.fullmatch(name):
        return int(found[1]) + 1
    found = NUMBERED.fullmatch(name)
    return int(found[1]) if found else None


def in_layer_order(names: Iterable[str], where: str) -> list[str]:
    """The names that are of layers, layer 0 first; others are left out.

    Args:
        where: what to call the file or folder that they are in.

    Raises:
        DataError: none is of a layer, two are of the same, or one is missing in between.
    """
    by_layer: dict[int, str] = {}
    given = list(names)
    for name in given:
        layer = layer_number(name)
        if layer is None:
            continue
        if layer in by_layer:
            raise DataError(f"{where} has layer {layer} twice: {quoted(by_layer[layer])} and {quoted(name)}")
        by_layer[layer] = name
    if not by_layer:
        raise DataError(
            f"{where} has no states that are named as a layer ({listed(given) or 'nothing'}): expected "
            f"{EMBEDDING}, {layer_name(1)} … or layer.0, layer.1 …"
        )
    lacking = sorted(set(range(max(by_layer) + 1)) - set(by_layer))
    if lacking:
        raise DataError(
            f"{where} lacks layer {lacking[0]} ({layer_name(lacking[0])}): layers go from 0, the embedding "
            f"output, to {max(by_layer)} without a gap"
        )
    return [by_layer[layer] for layer in sorted(by_layer)]
