"""A model's input embeddings, read from its files without loading the model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import ModelError
from core.models.catalog import ModelPlace, ModelSettings, find_model, fingerprint
from core.models.tokenizers import load_tokenizer
from core.prompts.chat import defuse
from core.shown import named

NAMES = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight")
"""How the usual architectures end the name of their matrix of input embeddings."""


def mean_embeddings(settings: ModelSettings, cache: Path, content: str, texts: Sequence[str]) -> np.ndarray:
    """Each text's mean input embedding over its tokens, (texts, d_model) float32; 0 for a text without any.

    An adapter is not laid over it: one on blocks, as all that Telltale trains, leaves the embeddings as they
    are.

    Args:
        content: the fingerprint of the model and adapter that is wanted, as a run keeps it.

    Raises:
        ModelError: the model's files are not on this machine, are of another model by now, or hold no such
            matrix.
    """
    place = _on_this_machine(settings, cache)
    if fingerprint(place, settings.adapter_folder) != content:
        raise ModelError(f"the files of {settings.id} are no longer those of the run's model")
    tokenizer = load_tokenizer(settings, cache)
    tokens = [tokenizer(defuse(tokenizer, text), add_special_tokens=False).input_ids for text in texts]
    wanted = sorted({number for ids in tokens for number in ids})
    rows = _rows(Path(place.source), wanted, settings.id)
    at = {number: row for row, number in enumerate(wanted)}
    means = np.zeros((len(texts), rows.shape[1]), dtype=np.float32)
    for row, ids in enumerate(tokens):
        if ids:
            means[row] = rows[[at[number] for number in ids]].mean(axis=0)
    return means


def _on_this_machine(settings: ModelSettings, cache: Path) -> ModelPlace:
    """Where the model's safetensors lie; nothing is fetched."""
    from huggingface_hub import snapshot_download

    place = find_model(settings, cache)
    if place.gguf:
        raise ModelError(f"{settings.id} is a GGUF file, of which no embeddings are read")
    if place.folder is not None:
        return place
    try:
        found = snapshot_download(place.source, cache_dir=cache / "models" / "hub", local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"the files of {settings.id} are not on this machine any more") from error
    return ModelPlace(found)


def _rows(folder: Path, wanted: Sequence[int], called: str) -> np.ndarray:
    """Rows of the matrix of input embeddings, (wanted, d_model)."""
    from safetensors import SafetensorError, safe_open

    try:
        for file in sorted(folder.glob("*.safetensors")):
            with safe_open(file, "pt") as handle:
                for name in handle.keys():  # noqa: SIM118 - the handle is no dictionary
                    if name.endswith(NAMES):
                        return handle.get_tensor(name)[list(wanted)].float().numpy()
    except (OSError, SafetensorError, IndexError) as error:
        raise ModelError(f"the files of {called} cannot be read: {named(error)}") from error
    raise ModelError(f"the files of {called} hold no matrix of input embeddings under a known name")
