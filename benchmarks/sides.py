"""The two sides that are compared: Telltale's harvest, and the loop that anybody would write first.

Both give the state of every layer at the last prompt token of every prompt. The harvest also writes them
to a store, reads the answers and fits its calibration; all of that is inside its time.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from core.data.sources import DataSettings
from core.engine.decoding import Decoding
from core.engine.harvest import Prepared, harvest, prepare
from core.engine.settings import HarvestSettings
from core.models.loading import LoadedModel
from core.prompts.templates import BUILT_IN
from core.store.runs import RunStore


@dataclass(frozen=True, eq=False)
class Task:
    """The prompts of one comparison, in the order of their rows in the store.

    Attributes:
        prompts: token ids, one tuple an answer.
        rows: where the harvest puts the states of each.
    """

    shots: int
    prepared: Prepared
    prompts: list[tuple[int, ...]]
    rows: np.ndarray


@dataclass(frozen=True)
class Tokens:
    """What a side puts through the model: all tokens, and those that are padding."""

    computed: int
    padding: int


def make_task(loaded: LoadedModel, cache: Path, questions: int, shots: int) -> Task:
    """Movie reviews in both modes, one new token, position `prompt`, every layer."""
    settings = HarvestSettings(
        data=DataSettings("movie-reviews", n=questions),
        template=BUILT_IN["review"],
        shots=shots,
        demo_sets=1,
        decoding=Decoding(max_new_tokens=1),
        positions=("prompt",),
    )
    prepared = prepare(settings, loaded, cache)
    items = [item for block in prepared.plan.blocks() for item in block.items]
    return Task(shots, prepared, [item.prompt.ids for item in items], np.array([item.row for item in items]))


def harvested(task: Task, loaded: LoadedModel) -> tuple[float, np.ndarray]:
    """Seconds of a harvest into a new store, and its states, (prompt, layers, d_model)."""
    with tempfile.TemporaryDirectory() as folder:
        began = perf_counter()
        store = RunStore(Path(folder))
        result = harvest(task.prepared, loaded, store)
        seconds = perf_counter() - began
        layers = [store.layer(result.run, "prompt", n, task.rows) for n in range(loaded.layers)]
    return seconds, np.stack(layers, axis=1)


def looped(prompts: list[tuple[int, ...]], loaded: LoadedModel) -> tuple[float, np.ndarray]:
    """Seconds of the plain loop, one prompt at a time, and its states, (prompt, layers, d_model).

    The last layer is as transformers gives it: after the model's final norm.
    """
    states = []
    began = perf_counter()
    for prompt in prompts:
        ids = torch.tensor([prompt], device=loaded.device)
        output: Any = loaded.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=1,
            do_sample=False,
            output_hidden_states=True,
            return_dict_in_generate=True,
            pad_token_id=loaded.tokenizer.pad_token_id,
        )
        states.append(torch.stack([layer[0, -1] for layer in output.hidden_states[0]]))
    made = torch.stack(states).float().cpu().numpy()
    return perf_counter() - began, made


def disagreement(ours: np.ndarray, plain: np.ndarray, loaded: LoadedModel) -> float:
    """The largest relative distance between two states of the same prompt and layer."""
    with torch.inference_mode():
        last = torch.tensor(ours[:, -1], device=loaded.device, dtype=loaded.dtype)
        normed = loaded.model.get_decoder().norm(last).float().cpu().numpy()
    same = np.concatenate([ours[:, :-1], normed[:, None]], axis=1)
    distances = np.linalg.norm(same - plain, axis=-1) / np.linalg.norm(plain, axis=-1)
    return float(distances.max())


@contextmanager
def counting(loaded: LoadedModel) -> Iterator[list[Tokens]]:
    """A context that notes the tokens of every forward pass."""
    seen: list[Tokens] = []

    def note(_module: Any, args: tuple, kwargs: dict) -> None:
        ids = kwargs["input_ids"] if "input_ids" in kwargs else args[0]
        mask = kwargs.get("attention_mask")
        padding = 0 if mask is None else int((mask[:, -ids.shape[1] :] == 0).sum())
        seen.append(Tokens(ids.numel(), padding))

    handle = loaded.model.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()
