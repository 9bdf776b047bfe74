"""Which models can be chosen, and what is refused before anything of it is loaded."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelError
from core.models.embedded import COMPLETE, EMBEDDED_ID, embedded_folder, embedded_ready

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
LIAR_ID = "smollm2-135m-liar"
LIAR_FOLDER = Path(__file__).with_name("liar")
"""The adapter in the box, with its model card: what `telltale train-liar` made of the embedded model."""
CAUSAL = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


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
            return Path(self.adapter).expanduser() if self.adapter else None
        if self.adapter:
            raise ModelError(f"{LIAR_ID} has an adapter already: choose {EMBEDDED_ID} for another one")
        return LIAR_FOLDER


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
                "the embedded model is not in the cache yet: run `make setup` or fetch it in the app"
            )
        return ModelPlace(str(embedded_folder(cache)))
    if not settings.id.strip():
        raise ModelError(f"choose a model: {LIAR_ID}, {EMBEDDED_ID}, a hub id, a folder or a GGUF file")
    path = Path(settings.id).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            raise ModelError(f"there is no file {settings.id}")
        with path.open("rb") as handle:
            if handle.read(4) != b"GGUF":
                raise ModelError(f"{path.name} is not a GGUF file")
        return ModelPlace(str(path.parent), path.name)
    if path.is_dir():
        check_folder(path)
        return ModelPlace(str(path))
    if path.is_file():
        raise ModelError(f"{path.name} is a file: choose a model's folder, or a GGUF file")
    if path.is_absolute() or settings.id.startswith((".", "~")) or settings.id.count("/") > 1:
        raise ModelError(f"there is no model folder {settings.id}")
    return ModelPlace(settings.id)


def check_folder(path: Path, called: str | None = None) -> None:
    """Refuse a model folder that cannot be used or trusted, naming what is wrong with it.

    Args:
        called: what to call it; by default the folder's name.
    """
    name = called or path.name or str(path)
    try:
        config = json.loads((path / "config.json").read_text())
    except FileNotFoundError as error:
        raise ModelError(f"{name} has no config.json: it is not a model folder") from error
    except (ValueError, OSError) as error:
        raise ModelError(f"{name}/config.json cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{name}/config.json is not an object")
    check_config(config, name)
    if not list(path.glob("*.safetensors")):
        if [*path.glob("*.bin"), *path.glob("*.pt"), *path.glob("*.pth")]:
            raise ModelError(f"{name} holds pickled weights only, which can run code: convert to safetensors")
        raise ModelError(f"{name} holds no *.safetensors weights")
    if not any((path / name).is_file() for name in TOKENIZER_FILES):
        raise ModelError(f"{name} has no tokenizer: add its tokenizer.json")


def check_config(config: dict, name: str) -> None:
    """Refuse remote code and architectures that do not generate.

    Raises:
        ModelError: the configuration asks for its own code, or is not of a causal language model.
    """
    if config.get("auto_map"):
        raise ModelError(f"{name} wants to run its own code, which Telltale never does: choose another model")
    found = config.get("architectures")
    architectures = [str(name) for name in found] if isinstance(found, list) else []
    if config.get("is_encoder_decoder"):
        raise ModelError(f"{name} is an encoder-decoder model: choose a causal one")
    if architectures and not any(part in kind for kind in architectures for part in CAUSAL):
        raise ModelError(
            f"{name} is a {architectures[0]}, which does not generate text: choose a causal model"
        )


def check_adapter(path: Path) -> None:
    """Refuse an adapter folder that is no PEFT adapter or is pickled."""
    try:
        config = json.loads((path / "adapter_config.json").read_text())
    except FileNotFoundError as error:
        raise ModelError(f"{path} is not an adapter folder: it has no adapter_config.json") from error
    except (ValueError, OSError) as error:
        raise ModelError(f"{path}/adapter_config.json cannot be read: {error}") from error
    kind = config.get("peft_type") if isinstance(config, dict) else None
    if kind != "LORA":
        raise ModelError(f"{path.name} is no LoRA adapter (its type is {kind}): choose one")
    if not (path / "adapter_model.safetensors").is_file():
        raise ModelError(f"{path.name} has no adapter_model.safetensors (pickled adapters are refused)")


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
