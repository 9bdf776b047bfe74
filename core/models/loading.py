"""Loads a causal language model, and says what was loaded: device, dtype, size, blocks."""

import gc
import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch

from core.errors import ModelError
from core.models.catalog import (
    ModelPlace,
    ModelSettings,
    check_adapter,
    check_config,
    find_model,
    fingerprint,
)


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model ready to answer, and the facts that people ask about.

    Attributes:
        blocks: the transformer blocks in order; layer i is the residual stream after block i.
        layers: number of layers with the embedding output, blocks + 1.
        context: longest prompt plus answer, tokens.
        fingerprint: tells models and adapters apart by content.
        lock: held by whoever runs the model. State capture hooks into the blocks themselves, so that two
            threads at once would read each other's states.
    """

    settings: ModelSettings
    model: Any
    tokenizer: Any
    blocks: Any
    layers: int
    d_model: int
    parameters: int
    context: int
    device: torch.device
    dtype: torch.dtype
    fingerprint: str
    lock: Any = field(default_factory=threading.RLock)

    @property
    def name(self) -> str:
        """What to call it on screen."""
        return Path(self.settings.id).name


def best_device() -> torch.device:
    """CUDA where there is one, else MPS, else CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def memory_use() -> dict[str, int]:
    """Bytes `used` by this process (on the GPU where there is one) and `free` to it."""
    if torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        return {"used": torch.cuda.memory_allocated(), "free": free}
    return {"used": psutil.Process().memory_info().rss, "free": psutil.virtual_memory().available}


def load_model(settings: ModelSettings, cache: Path) -> LoadedModel:
    """Load a model, without remote code and without pickles.

    Raises:
        ModelError: what `find_model` refuses, a model too large for memory, or one that does not load.
    """
    place = find_model(settings, cache)
    if settings.adapter:
        check_adapter(Path(settings.adapter))
    if settings.four_bit and not torch.cuda.is_available():
        raise ModelError("4-bit loading needs a CUDA device, and there is none here")
    device = best_device()
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    check_memory(place, dtype, settings.four_bit)
    model, tokenizer = _read(place, settings, device, dtype)
    if settings.adapter:
        model = _adapt(model, settings)
    model.eval()
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    config = model.config.get_text_config()
    blocks = find_blocks(model, config.num_hidden_layers)
    return LoadedModel(
        settings=settings,
        model=model,
        tokenizer=tokenizer,
        blocks=blocks,
        layers=len(blocks) + 1,
        d_model=config.hidden_size,
        parameters=sum(p.numel() for p in model.parameters()),
        context=getattr(config, "max_position_embeddings", None) or 2048,
        device=device,
        dtype=dtype,
        fingerprint=fingerprint(place, settings.adapter),
    )


def _read(
    place: ModelPlace, settings: ModelSettings, device: torch.device, dtype: torch.dtype
) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    where: dict[str, Any] = {"trust_remote_code": False}
    if place.gguf:
        where["gguf_file"] = place.gguf
    how: dict[str, Any] = {"dtype": dtype} if place.gguf else {"dtype": dtype, "use_safetensors": True}
    if device.type == "cuda":
        how["device_map"] = "auto"
    if settings.four_bit:
        from transformers import BitsAndBytesConfig

        how["quantization_config"] = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=dtype)
    try:
        if place.folder is None:
            config = AutoConfig.from_pretrained(place.source, trust_remote_code=False)
            check_config(config.to_dict(), place.source)
        tokenizer = AutoTokenizer.from_pretrained(place.source, **where)
        model = AutoModelForCausalLM.from_pretrained(place.source, **where, **how)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
        raise ModelError(f"{settings.id} cannot be loaded: {_reason(error, place)}") from error
    moved: Any = model
    return (moved if "device_map" in how else moved.to(device)), tokenizer


def _reason(error: Exception, place: ModelPlace) -> str:
    text = " ".join(str(error).split())
    if place.folder is None and ("offline" in text or "connect" in text or "not a local folder" in text):
        return "no such folder here, and the hub was not reached or does not know the id"
    return text[:200]


def _adapt(model: Any, settings: ModelSettings) -> Any:
    from peft import PeftModel

    try:
        adapted: Any = PeftModel.from_pretrained(model, str(settings.adapter))
    except (ValueError, RuntimeError, KeyError, OSError) as error:
        raise ModelError(
            f"adapter {settings.adapter} does not fit {settings.id}: {str(error)[:200]}"
        ) from error
    return adapted.get_base_model() if settings.four_bit else adapted.merge_and_unload()


def check_memory(place: ModelPlace, dtype: torch.dtype, four_bit: bool) -> None:
    """Refuse a local model whose weights would not fit into the memory that is free.

    Raises:
        ModelError: with what is needed and what is free, in GB.
    """
    if place.folder is None:
        return
    if place.gguf:
        needed = (place.folder / place.gguf).stat().st_size * (4.5 if dtype == torch.float32 else 2.5)
    else:
        wide = torch.finfo(dtype).bits / 8
        needed = sum(
            parameter_count(file) * (0.6 if four_bit else wide) for file in place.folder.glob("*.safetensors")
        )
    free = memory_use()["free"]
    if needed > free:
        raise ModelError(
            f"the model needs {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free: choose a smaller one"
        )


def parameter_count(file: Path) -> int:
    """The number of values in a safetensors file, from its header alone.

    Raises:
        ModelError: the file is not safetensors.
    """
    try:
        with file.open("rb") as handle:
            header = json.loads(handle.read(int.from_bytes(handle.read(8), "little")))
        shapes = [entry["shape"] for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, OverflowError, MemoryError) as error:
        raise ModelError(f"{file.name} is damaged: it has no safetensors header") from error
    total = 0
    for shape in shapes:
        size = 1
        for side in shape:
            size *= side
        total += size
    return total


def find_blocks(model: Any, count: int) -> Any:
    """The list of transformer blocks: the module list with one entry per hidden layer.

    Raises:
        ModelError: there is none, so that states cannot be read.
    """
    for _, module in model.named_modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return module
    raise ModelError(
        f"no list of {count} blocks was found in {type(model).__name__}: its states cannot be read"
    )


class ModelShelf:
    """Holds one loaded model per process; loading another releases it. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: LoadedModel | None = None

    @property
    def held(self) -> LoadedModel | None:
        """The model on the shelf, if any."""
        return self._held

    def get(self, settings: ModelSettings, cache: Path) -> LoadedModel:
        """The chosen model, loaded where it is not held already. Raises what `load_model` raises."""
        with self._lock:
            if self._held is None or self._held.settings != settings:
                find_model(settings, cache)
                self._held = None
                gc.collect()
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                self._held = load_model(settings, cache)
            return self._held


SHELF = ModelShelf()
torch.set_num_threads(int(os.environ.get("TELLTALE_THREADS", os.cpu_count() or 1)))
