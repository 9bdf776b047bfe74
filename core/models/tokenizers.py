"""A model's tokenizer alone: enough to preview prompts and to read stored ids, without its weights."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models.catalog import ModelPlace, ModelSettings, find_model
from core.models.gguf_header import read_gguf_header
from core.models.hub import fetch_model
from core.shown import LONGEST_PATH, named

TRIAL = "Is it true? Yes."
"""What a tokenizer is tried on: some load and then fail on any text."""


@lru_cache(maxsize=4)
def load_tokenizer(settings: ModelSettings, cache: Path) -> Any:
    """The tokenizer of a model, kept for the next call.

    Raises:
        ModelError: what `find_model` refuses, or a tokenizer that does not load.
    """
    place = find_model(settings, cache)
    if place.folder is None:
        place = ModelPlace(str(fetch_model(place.source, cache, weights=False)))
    return read_tokenizer(place, settings.id)


def read_tokenizer(place: ModelPlace, name: str) -> Any:
    """The tokenizer among a model's files on this machine, tried on a short text.

    Args:
        name: what to call the model.

    Raises:
        ModelError: it does not load, or is of no use.
    """
    from transformers import AutoTokenizer

    where: dict[str, Any] = {"trust_remote_code": False}
    if place.gguf:
        where["gguf_file"] = place.gguf
        read_gguf_header(Path(place.source) / place.gguf)
    try:
        tokenizer = AutoTokenizer.from_pretrained(place.source, **where)
        tokenizer.decode(tokenizer(TRIAL).input_ids)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # transformers passes on what its layers raise; a panic is no Exception
        called, reason = named(name, LONGEST_PATH), named(" ".join(str(error).split()), 200)
        raise ModelError(f"the tokenizer of {called} cannot be loaded: {reason}") from error
    return tokenizer
