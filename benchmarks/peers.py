"""The two libraries that a user would otherwise read states with, each used as its documentation recommends.

Optional dependencies of the benchmark alone, so that they are imported where they are asked for. Both read
the same local model in the same arithmetic, with its weights as they are, in batches of 32 padded on the
left, under inference mode; of each layer only the last position is kept, and the output head runs on that
position alone.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from benchmarks.bench import Bench
from benchmarks.compare import timed
from benchmarks.row import NotRunError
from benchmarks.sides import BATCH, PromptSide, Read, as_read, padded
from core.models.catalog import find_model

TRANSFORMER_LENS, NNSIGHT = "transformer-lens", "nnsight"


def transformer_lens(bench: Bench) -> PromptSide:
    """`TransformerBridge.run_with_cache` with a filter by name; the bridge keeps weights as they are.

    Raises:
        NotRunError: the library is not installed, or does not run this model.
    """
    loaded, blocks = bench.loaded, len(bench.loaded.blocks)
    names = ["blocks.0.hook_in", *(f"blocks.{number}.hook_out" for number in range(blocks))]

    def boot(library: Any) -> Any:
        return library.TransformerBridge.boot_transformers(
            _folder(bench), device=str(loaded.device), dtype=loaded.dtype, tokenizer=loaded.tokenizer
        )

    bridge = _started(TRANSFORMER_LENS, "transformer_lens.model_bridge", boot)

    @torch.inference_mode()
    def read(prompts: list[tuple[int, ...]]) -> Read:
        states, answers = [], []
        for ids, mask in padded(prompts, BATCH, loaded):
            logits, cache = bridge.run_with_cache(
                ids,
                names_filter=names,
                pos_slice=-1,
                attention_mask=mask,
                logits_to_keep=1,
                output_attentions=False,
            )
            states.append(torch.stack([cache[name].squeeze(1) for name in names], dim=1))
            answers.append(logits[:, -1].argmax(dim=-1))
        return as_read(states, answers)

    return lambda prompts: timed(lambda: read(prompts))


def nnsight(bench: Bench) -> PromptSide:
    """One trace a batch; the library pads the token ids on the left and numbers their positions itself.

    Raises:
        NotRunError: the library is not installed, or does not run this model.
    """
    loaded = bench.loaded

    def load(library: Any) -> Any:
        return library.TransformersModel(
            _folder(bench),
            task="text-generation",
            dispatch=True,
            dtype=loaded.dtype,
            device_map=str(loaded.device),
        )

    model = _started(NNSIGHT, "nnsight", load)
    save = import_module("nnsight").save
    blocks = model.model.layers

    @torch.inference_mode()
    def read(prompts: list[tuple[int, ...]]) -> Read:
        states, answers = [], []
        for start in range(0, len(prompts), BATCH):
            batch = [list(prompt) for prompt in prompts[start : start + BATCH]]
            with model.trace(batch, logits_to_keep=1):
                layers = save([])
                layers.append(blocks[0].input[:, -1])
                for block in blocks:
                    layers.append(block.output[:, -1])
                logits = model.output.logits[:, -1].save()
            states.append(torch.stack(list(layers), dim=1))
            answers.append(logits.argmax(dim=-1))
        return as_read(states, answers)

    return lambda prompts: timed(lambda: read(prompts))


def _started(package: str, module: str, start: Callable[[Any], Any]) -> Any:
    try:
        number = version(package)
    except PackageNotFoundError as error:
        raise NotRunError(
            f"{package} is not installed; .venv/bin/pip install -e '.[peers]' installs it"
        ) from error
    try:
        return start(import_module(module))
    except Exception as error:  # whatever a library of any version raises at a model that it does not know
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise NotRunError(f"{package} {number} does not run with this model: {said}") from error


def _folder(bench: Bench) -> str:
    return find_model(bench.loaded.settings, bench.cache).source
