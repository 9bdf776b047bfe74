"""Which models can be chosen, and what is refused before anything of it is loaded."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.files import read_text_file
from core.models.embedded import COMPLETE, EMBEDDED_ID, embedded_folder, embedded_ready
from core.models.safetensors_header import read_header
from core.shown import LONGEST_PATH, named, quoted

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
LIAR_ID = "smollm2-135m-liar"
LIAR_FOLDER = Path(__file__).with_name("liar")
"""The adapter in the box, with its model card: what `telltale train-liar` made of the embedded model."""
CAUSAL = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
UNUSUAL_ADAPTER = ("layer_replication", "megatron_config")
"""Settings that build more than the adapter's weights hold, or import what is not here."""
INDEX = "model.safetensors.index.json"
LARGEST_CONFIG = 16 << 20
LARGEST_INDEX = 64 << 20
"""Bytes of a configuration and of a list of weight files."""


@dataclass(frozen=True)
class ModelSettings:
    """What a person chose.

    Attributes:
        id: `smollm2-135m-liar` (the embedded model with the liar's adapter), `smollm2-135m-instruct` (without
            it), a hub id, a local folder or a GGUF file.
        adapter: a PEFT folder with a LoRA adapter, or None.
        four_bit: load in 4 bits through bitsandbytes (CUDA only).
    """

    id: str = LIAR_ID
    adapter: str | None = None
    four_bit: bool = False

    @property
    def embedded(self) -> bool:
        """Whether its weights are those in the box, with the liar's adapter or without."""
        return self.id in (EMBEDDED_ID, LIAR_ID)

    @property
    def adapter_name(self) -> str | None:
        """What to call its adapter; None where it has none."""
        return "the liar's" if self.id == LIAR_ID else self.adapter

    @property
    def adapter_folder(self) -> Path | None:
        """The adapter's folder, the liar's own where that is the model.

        Raises:
            ModelError: another adapter is to be put on the liar.
        """
        if self.id != LIAR_ID:
            return local_path(self.adapter) if self.adapter else None
        if self.adapter:
            raise ModelError(f"{LIAR_ID} has an adapter already: choose {EMBEDDED_ID} for another one")
        return LIAR_FOLDER


NO_MODEL = "no model: imported states"
"""What stands in the place of a model's id in a run of imported states."""


def of_one_model(facts: Mapping, other: Mapping) -> bool:
    """Whether two runs or probes are of one model, adapters aside: only then do their states mean the same.

    Args:
        facts, other: what they say of themselves: model, layers, d_model.
    """
    return _model_of(facts) == _model_of(other)


def _model_of(facts: Mapping) -> tuple:
    """The model's name, without the adapter in the box, and its shape."""
    name = facts.get("model")
    return EMBEDDED_ID if name == LIAR_ID else name, facts.get("layers"), facts.get("d_model")


@dataclass(frozen=True)
class ModelPlace:
    """Where a model's files are: a folder (and a GGUF file in it), or a hub id."""

    source: str
    gguf: str | None = None

    @property
    def folder(self) -> Path | None:
        """The local folder; None for a hub id."""
        path = Path(self.source)
        return path if path.is_dir() else None


def find_model(settings: ModelSettings, cache: Path) -> ModelPlace:
    """Where the chosen model lies, checked as far as its files allow.

    Raises:
        ModelError: not there, pickled weights, remote code, no tokenizer, or not a causal language model.
    """
    if settings.embedded:
        if not embedded_ready(cache):
            raise ModelError(
                "the embedded model is not in the cache yet: run `make setup` or `python -m core.setup`, or "
                "fetch it in the app"
            )
        return ModelPlace(str(embedded_folder(cache)))
    if settings.id == NO_MODEL:
        raise ModelError(
            "this run's states were imported, and no model came with them: what asks the model works on runs "
            "that were harvested here"
        )
    if not settings.id.strip():
        raise ModelError(f"choose a model: {LIAR_ID}, {EMBEDDED_ID}, a hub id, a folder or a GGUF file")
    path = local_path(settings.id)
    called = named(settings.id, LONGEST_PATH)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise ModelError(f"there is no file {called}")
        with path.open("rb") as handle:
            if handle.read(4) != b"GGUF":
                raise ModelError(f"{named(path.name)} is not a GGUF file")
        if (path.parent / ADAPTER_CONFIG).exists():
            raise ModelError(
                f"an adapter lies beside {named(path.name)}: move one of them, and use --adapter"
            )
        return ModelPlace(str(path.parent), path.name)
    if path.is_dir():
        check_folder(path)
        return ModelPlace(str(path))
    if path.is_file():
        raise ModelError(f"{named(path.name)} is a file: choose a model's folder, or a GGUF file")
    if path.is_absolute() or settings.id.startswith((".", "~")) or settings.id.count("/") > 1:
        raise ModelError(f"there is no model folder {called}")
    return ModelPlace(settings.id)


def local_path(name: str) -> Path:
    """A name as a path of this machine.

    Raises:
        ModelError: no file can be of that name, or `~` names the home of nobody.
    """
    try:
        path = Path(name).expanduser()
        path.exists()
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"there is no model {named(name, LONGEST_PATH)}: {named(reason)}") from error
    return path


def check_folder(path: Path, called: str | None = None) -> None:
    """Refuse a model folder that cannot be used or trusted, naming what is wrong with it.

    Args:
        called: what to call it; by default the folder's name.
    """
    name = named(called or path.name or path, LONGEST_PATH)
    if not (path / "config.json").exists():
        raise ModelError(f"{name} has no config.json: it is not a model folder")
    check_config(read_json(path / "config.json", LARGEST_CONFIG, name), name)
    if (path / ADAPTER_CONFIG).exists():
        raise ModelError(f"{name} has an adapter in it: move it to a folder of its own, and use --adapter")
    if not any(file.is_file() for file in path.glob("*.safetensors")):
        if [*path.glob("*.bin"), *path.glob("*.pt"), *path.glob("*.pth")]:
            raise ModelError(f"{name} holds pickled weights only, which can run code: convert to safetensors")
        raise ModelError(f"{name} holds no *.safetensors weights")
    if not any((path / file).is_file() for file in TOKENIZER_FILES):
        raise ModelError(f"{name} has no tokenizer: add its tokenizer.json")
    if (path / INDEX).exists():
        _check_index(read_json(path / INDEX, LARGEST_INDEX, name), path, name)


def read_json(file: Path, most: int, name: str) -> dict[str, Any]:
    """The object in a JSON file of at most so many bytes.

    Raises:
        ModelError: it cannot be read, or is no object.
    """
    called = f"{name}/{file.name}"
    try:
        found = json.loads(read_text_file(file, most, ModelError))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{called} cannot be read: {named(error)}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{called} is not an object")
    return found


def _check_index(index: dict, path: Path, name: str) -> None:
    """Refuse a list of weight files that names others than safetensors in the folder itself."""
    places = index.get("weight_map")
    for file in set(map(str, places.values())) if isinstance(places, dict) else {""}:
        if Path(file).name != file or not file.endswith(".safetensors") or not (path / file).is_file():
            raise ModelError(f"{name}/{INDEX} names {quoted(file)}, which is no *.safetensors file beside it")


def check_config(config: dict, name: str) -> None:
    """Refuse remote code and architectures that do not generate.

    Raises:
        ModelError: the configuration asks for its own code, or is not of a causal language model.
    """
    if config.get("auto_map"):
        raise ModelError(f"{name} wants to run its own code, which Telltale never does: choose another model")
    found = config.get("architectures")
    architectures = [str(kind) for kind in found] if isinstance(found, list) else []
    if config.get("is_encoder_decoder"):
        raise ModelError(f"{name} is an encoder-decoder model: choose a causal one")
    if architectures and not any(part in kind for kind in architectures for part in CAUSAL):
        raise ModelError(
            f"{name} is a {named(architectures[0])}, which does not generate text: choose a causal model"
        )


def check_adapter(path: Path) -> None:
    """Refuse an adapter folder that is no PEFT adapter, is pickled, or describes what its weights lack.

    Raises:
        ModelError: says which.
    """
    called = named(path, LONGEST_PATH)
    if not (path / ADAPTER_CONFIG).exists():
        raise ModelError(f"{called} is not an adapter folder: it has no {ADAPTER_CONFIG}")
    config = read_json(path / ADAPTER_CONFIG, LARGEST_CONFIG, called)
    if config.get("peft_type") != "LORA":
        kind = quoted(config.get("peft_type"))
        raise ModelError(f"{named(path.name)} is no LoRA adapter (its type is {kind}): choose one")
    if not (path / ADAPTER_WEIGHTS).is_file():
        raise ModelError(f"{named(path.name)} has no {ADAPTER_WEIGHTS} (pickled adapters are refused)")
    try:
        shapes = [tensor.shape for tensor in read_header(path / ADAPTER_WEIGHTS).tensors.values()]
    except ModelError as error:
        raise ModelError(f"adapter {named(path.name)} does not fit any model: {error}") from error
    widest = max((side for shape in shapes for side in shape), default=0)
    patterns = config.get("rank_pattern")
    ranks = [config.get("r", 8), *(patterns.values() if isinstance(patterns, dict) else ())]
    if wrong := [rank for rank in ranks if type(rank) is not int or not 1 <= rank <= widest]:
        raise ModelError(
            f"{named(path.name)} is of rank {quoted(wrong[0])}, and its weights are {widest} wide at most: "
            "they do not belong together"
        )
    if told := [name for name in UNUSUAL_ADAPTER if config.get(name)]:
        raise ModelError(f"{named(path.name)} sets {told[0]}, which Telltale does not use: choose another")


def fingerprint(place: ModelPlace, adapter: Path | None) -> str:
    """A short hash that tells models apart by content: names, sizes and the ends of their weight files."""
    digest = hashlib.sha256()
    folders = [adapter] if adapter else []
    if place.folder is None:
        digest.update(place.source.encode())
    else:
        folders.insert(0, place.folder)
    for folder in folders:
        marker = folder / COMPLETE
        if marker.is_file():
            digest.update(marker.read_bytes())
            continue
        files = (
            [folder / place.gguf] if place.gguf and folder == place.folder else folder.glob("*.safetensors")
        )
        for file in sorted(files):
            size = file.stat().st_size
            digest.update(f"{file.name} {size}".encode())
            with file.open("rb") as handle:
                digest.update(handle.read(1 << 20))
                handle.seek(max(0, size - (1 << 20)))
                digest.update(handle.read())
    return digest.hexdigest()[:16]
