"""A model's tokenizer alone: enough to preview prompts and to read stored ids, without its weights."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models.catalog import ModelSettings, find_model
from core.models.gguf_header import read_gguf_header
from core.models.hub import fetch_model
from core.shown import LONGEST_PATH, named


@lru_cache(maxsize=4)
def load_tokenizer(settings: ModelSettings, cache: Path) -> Any:
    """The tokenizer of a model, kept for the next call.

    Raises:
        ModelError: what `find_model` refuses, or a tokenizer that does not load.
    """
    from transformers import AutoTokenizer

    place = find_model(settings, cache)
    source = place.source if place.folder else str(fetch_model(place.source, cache, weights=False))
    where: dict[str, Any] = {"trust_remote_code": False}
    if place.gguf:
        where["gguf_file"] = place.gguf
        read_gguf_header(Path(source) / place.gguf)
    try:
        return AutoTokenizer.from_pretrained(source, **where)
    except Exception as error:  # transformers passes on whatever its parsing layers raise
        called, reason = named(settings.id, LONGEST_PATH), named(" ".join(str(error).split()), 200)
        raise ModelError(f"the tokenizer of {called} cannot be loaded: {reason}") from error
