"""How many layers a model has and how wide they are, from its configuration, without loading it."""

from pathlib import Path

from core.errors import ModelError
from core.models.catalog import ModelSettings, find_model, read_json

LARGEST_CONFIG = 1 << 20
BLOCKS = ("num_hidden_layers", "n_layer", "num_layers")
WIDTH = ("hidden_size", "n_embd", "d_model")


def shape_of(settings: ModelSettings, cache: Path) -> tuple[int, int] | None:
    """Layers (blocks + 1) and d_model; None of GGUF files, of models that are not here yet, and of others."""
    try:
        place = find_model(settings, cache)
        if place.folder is None or place.gguf:
            return None
        config = read_json(place.folder / "config.json", LARGEST_CONFIG, settings.id)
    except ModelError:
        return None
    nested = config.get("text_config")
    facts = config | nested if isinstance(nested, dict) else config
    blocks, width = (next((facts[n] for n in names if n in facts), None) for names in (BLOCKS, WIDTH))
    return (blocks + 1, width) if isinstance(blocks, int) and isinstance(width, int) else None


def half_precision_size(settings: ModelSettings, cache: Path) -> float:
    """Bytes of a model's weights on a GPU, from its files' headers; 0 of one that is not here yet."""
    from core.models.loading import parameter_count

    place = find_model(settings, cache)
    if place.folder is None:
        return 0.0
    files = [place.folder / place.gguf] if place.gguf else sorted(place.folder.glob("*.safetensors"))
    return sum(map(parameter_count, files)) * (0.6 if settings.four_bit else 2.0)
