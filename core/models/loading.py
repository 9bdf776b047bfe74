"""Loads a causal language model, and says what was loaded: device, dtype, size, blocks."""

import gc
import os
import shutil
import tempfile
import threading
import warnings
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch

from core.errors import ModelError
from core.models.catalog import (
    LARGEST_CONFIG,
    ModelPlace,
    ModelSettings,
    check_adapter,
    check_folder,
    find_model,
    fingerprint,
    read_json,
)
from core.models.described import check_counts, check_described
from core.models.gguf_header import read_gguf_header
from core.models.hub import fetch_model
from core.models.safetensors_header import read_header
from core.models.tokenizers import read_tokenizer
from core.shown import LONGEST_PATH, named

ADAPTER = "default"
"""What PEFT calls the adapter that it puts on first."""


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

    def __repr__(self) -> str:
        kind = str(self.dtype).removeprefix("torch.")
        return (
            f"LoadedModel {self.name}: {self.parameters / 1e6:.1f} million parameters, "
            f"{len(self.blocks)} blocks, d_model {self.d_model}, {self.device}, {kind}"
        )

    @property
    def name(self) -> str:
        """What to call it on screen."""
        return Path(self.settings.id).name or self.settings.id


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


def load_model(
    settings: ModelSettings, cache: Path, device_map: str | dict[str, Any] | None = None
) -> LoadedModel:
    """Load a model, without remote code and without pickles.

    Args:
        device_map: which modules go to which device, as accelerate takes it, `cpu` and `disk` among them;
            None for `auto` where there is a GPU, and for one device elsewhere. Answers and states are the
            same, only slower.

    Raises:
        ModelError: what `find_model` refuses, a model too large for memory, or one that does not load.
    """
    place = find_model(settings, cache)
    adapter = settings.adapter_folder
    if adapter is not None:
        check_adapter(adapter)
    if settings.four_bit and not torch.cuda.is_available():
        raise ModelError("4-bit loading needs a CUDA device, and there is none here")
    device = best_device()
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    if place.folder is None:
        place = ModelPlace(str(fetch_model(place.source, cache)))
        check_folder(Path(place.source), settings.id)
    check_memory(place, dtype, settings.four_bit)
    check_configuration(place, settings.id)
    model, tokenizer = _read(place, settings, device, dtype, device_map, cache)
    if adapter is not None:
        model = _adapt(model, settings, adapter)
    model.eval()
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    config = model.config.get_text_config()
    blocks = find_blocks(model, config.num_hidden_layers)
    return LoadedModel(
        settings=settings,
        model=model,
        tokenizer=tokenizer,
        blocks=blocks,
        layers=len(blocks) + 1,
        d_model=config.hidden_size,
        parameters=model.num_parameters(),
        context=getattr(config, "max_position_embeddings", None) or 2048,
        device=device,
        dtype=dtype,
        fingerprint=fingerprint(place, adapter),
    )


def _read(
    place: ModelPlace,
    settings: ModelSettings,
    device: torch.device,
    dtype: torch.dtype,
    device_map: str | dict[str, Any] | None,
    cache: Path,
) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM

    called = named(settings.id, LONGEST_PATH)
    where: dict[str, Any] = {"trust_remote_code": False}
    if place.gguf:
        where["gguf_file"] = place.gguf
    how: dict[str, Any] = {"dtype": dtype, "output_loading_info": True}
    if not place.gguf:
        how["use_safetensors"] = True
    if device_map is None and device.type == "cuda":
        device_map = "auto"
    if device_map is not None:
        offloaded = _folder_for_weights(cache)
        how |= {"device_map": device_map, "offload_folder": offloaded}
    if settings.four_bit:
        from transformers import BitsAndBytesConfig

        how["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
        )
    tokenizer = read_tokenizer(place, settings.id)
    try:
        read: Any = AutoModelForCausalLM.from_pretrained(place.source, **where, **how)
    except Exception as error:  # transformers passes on whatever its parsing layers raise
        if device_map is not None:
            shutil.rmtree(offloaded, ignore_errors=True)
        raise ModelError(f"{called} cannot be loaded: {_reason(error)}") from error
    model, found = read
    if device_map is not None:
        weakref.finalize(model, shutil.rmtree, offloaded, ignore_errors=True)
    if missing := sorted(found["missing_keys"]):
        raise ModelError(f"{called} lacks {len(missing)} of its weights, such as {named(missing[0])}")
    if len(tokenizer) > (rows := model.get_input_embeddings().weight.shape[0]):
        raise ModelError(
            f"the tokenizer of {called} has {len(tokenizer)} tokens and the model {rows}: "
            "they do not belong together"
        )
    return (model if "device_map" in how else model.to(device)), tokenizer


def _folder_for_weights(cache: Path) -> str:
    """A new folder for weights that no device has room for; it goes with the model that they are of."""
    (cache / "tmp").mkdir(exist_ok=True)
    return tempfile.mkdtemp(prefix="weights-", dir=cache / "tmp")


def _reason(error: Exception) -> str:
    return named(" ".join(str(error).split()), 200) or type(error).__name__


def _adapt(model: Any, settings: ModelSettings, folder: Path) -> Any:
    from peft import PeftModel

    if any(weight.is_meta for weight in model.parameters()):
        # PEFT would lay it over what is not there, say so in warnings, and leave those blocks as they are.
        raise ModelError(
            f"adapter {named(folder.name)} cannot be laid over {named(settings.id, LONGEST_PATH)} while "
            "devices have no room for all of its weights: merge the adapter into the model's files first"
        )
    try:
        with warnings.catch_warnings():
            # An adapter that lacks weights would leave blocks as they are, and nobody would know.
            warnings.filterwarnings("error", message="Found missing adapter keys")
            adapted: Any = PeftModel.from_pretrained(model, str(folder))
            # Weights of blocks that the model lacks are told of by this call alone.
            unused = [
                name for name in adapted.load_adapter(folder, ADAPTER).unexpected_keys if "lora" in name
            ]
        if unused:
            raise ValueError(f"it has weights that the model has no place for, such as {unused[0]}")
    except Exception as error:  # peft passes on whatever its parsing layers raise
        raise ModelError(
            f"adapter {named(folder.name)} does not fit {named(settings.id, LONGEST_PATH)}: {_reason(error)}"
        ) from error
    return adapted.get_base_model() if settings.four_bit else adapted.merge_and_unload()


def check_memory(place: ModelPlace, dtype: torch.dtype, four_bit: bool) -> None:
    """Refuse a model whose weights would not fit into the memory that is free.

    Raises:
        ModelError: with what is needed and what is free, in GB.
    """
    folder = Path(place.source)
    files = [folder / place.gguf] if place.gguf else sorted(folder.glob("*.safetensors"))
    wide = 0.6 if four_bit else torch.finfo(dtype).bits / 8
    needed = sum(parameter_count(file) for file in files) * wide
    free = memory_use()["free"]
    if torch.cuda.is_available() and not four_bit:
        # device_map="auto" puts what the first GPU does not hold on the others, then into main memory.
        others = (torch.cuda.mem_get_info(number)[0] for number in range(1, torch.cuda.device_count()))
        free += sum(others) + psutil.virtual_memory().available
    if needed > free:
        raise ModelError(
            f"the model needs {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free: choose a smaller one"
        )


def parameter_count(file: Path) -> int:
    """The number of values in a safetensors or GGUF file, from its header alone.

    Raises:
        ModelError: the file is neither, or is cut short.
    """
    if file.suffix == ".gguf":
        return read_gguf_header(file).values
    return sum(tensor.values for tensor in read_header(file).tensors.values())


def check_configuration(place: ModelPlace, name: str) -> None:
    """Refuse a model whose configuration describes far more than its weights hold.

    Args:
        name: what to call it.

    Raises:
        ModelError: says what is described and what is there.
    """
    folder = Path(place.source)
    if place.gguf:
        header = read_gguf_header(folder / place.gguf)
        check_counts(header.facts, len(header.tensors), name)
        held = header.values
    else:
        stored = [read_header(file).tensors for file in sorted(folder.glob("*.safetensors"))]
        config = read_json(folder / "config.json", LARGEST_CONFIG, named(name, LONGEST_PATH))
        check_counts(config, sum(map(len, stored)), name)
        held = sum(tensor.values for tensors in stored for tensor in tensors.values())
    check_described(place.source, place.gguf, held, name)


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
            place = find_model(settings, cache)
            if self._held is None or self._held.settings != settings or _changed(self._held, place):
                self._held = None
                gc.unfreeze()
                gc.collect()
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                self._held = load_model(settings, cache)
                # Streamlit collects garbage after each draw. To go through the half a million objects of a
                # model and the libraries takes 0.3 s in which no other thread runs: they are left out of it.
                gc.collect()
                gc.freeze()
            return self._held


def _changed(held: LoadedModel, place: ModelPlace) -> bool:
    """Whether a local model's or its adapter's files are others than those that were loaded."""
    return place.folder is not None and fingerprint(place, held.settings.adapter_folder) != held.fingerprint


SHELF = ModelShelf()
threads = os.environ.get("TELLTALE_THREADS", "")
torch.set_num_threads(int(threads) if threads.isdecimal() and int(threads) else os.cpu_count() or 1)
