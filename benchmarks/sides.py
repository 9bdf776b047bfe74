"""The sides of a harvest's rows that need no peer: Telltale, the plain loop, the padded batch.

All give the state of every layer at the last prompt token of every prompt, and the answer's first token. The
harvest also renders its prompts, writes to a store, reads the answers and fits its calibration; all of that
is inside its time. The others get token ids, in the harvest's order: sorted by length within a mode, so that
their padding is as little as it can be.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.bench import Bench
from benchmarks.compare import DisagreementError, timed
from core.data.sources import DataSettings
from core.engine.decoding import Decoding
from core.engine.harvest import harvest, prepare
from core.engine.settings import HarvestSettings
from core.models.loading import LoadedModel
from core.prompts.templates import BUILT_IN
from core.store.runs import RunStore

BATCH = 32
TOLERANCES = {torch.float32: 1e-4, torch.bfloat16: 3e-2}
"""The largest relative distance between two states of one prompt and layer, in the model's own arithmetic."""


@dataclass(frozen=True, eq=False)
class Task:
    """The prompts of one comparison, in the order of the harvest.

    Attributes:
        prompts: token ids, one tuple an answer.
        rows: where the harvest puts the states of each.
        block_size: how many answers the harvest writes at once.
    """

    settings: HarvestSettings
    prompts: list[tuple[int, ...]]
    rows: np.ndarray
    block_size: int


@dataclass(frozen=True, eq=False)
class Read:
    """What a side read.

    Attributes:
        states: (prompt, layers, d_model), float32.
        answers: the first token of each answer, (prompt,).
        normed: the last layer is as transformers gives it: after the model's final norm.
    """

    states: np.ndarray
    answers: np.ndarray
    normed: bool = False


PromptSide = Callable[[list[tuple[int, ...]]], tuple[float, Read]]
"""Reads prompts given as token ids; returns seconds and what it read."""


def make_task(bench: Bench, shots: int, questions: int | None = None) -> Task:
    """Movie reviews in both modes, one new token, position `prompt`, every layer.

    Args:
        questions: in place of the benchmark's own number.
    """
    settings = HarvestSettings(
        data=DataSettings("movie-reviews", n=questions or bench.size.questions),
        template=BUILT_IN["review"],
        shots=shots,
        demo_sets=1,
        decoding=Decoding(max_new_tokens=1),
        positions=("prompt",),
    )
    plan = prepare(settings, bench.loaded, bench.cache).plan
    items = [item for block in plan.blocks() for item in block.items]
    rows = np.array([item.row for item in items])
    return Task(settings, [item.prompt.ids for item in items], rows, plan.block_size)


def harvested(task: Task, bench: Bench) -> tuple[float, Read]:
    """A harvest into a new store; it is prepared anew, so that nothing is kept from the one before."""
    loaded = bench.loaded
    prepared = prepare(task.settings, loaded, bench.cache)
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        seconds, result = timed(lambda: harvest(prepared, loaded, store))
        layers = [store.layer(result.run, "prompt", n, task.rows) for n in range(loaded.layers)]
        ids = store.answers(result.run, heavy=True).set_index("answer").loc[task.rows, "ids"]
    return seconds, Read(np.stack(layers, axis=1), np.array([json.loads(text)[0] for text in ids]))


def plain_loop(loaded: LoadedModel) -> PromptSide:
    """One prompt at a time through `generate(max_new_tokens=1, output_hidden_states=True)`."""
    return lambda prompts: timed(lambda: _generated(loaded, prompts, 1))


def padded_batches(loaded: LoadedModel) -> PromptSide:
    """The same call on batches of 32, padded on the left."""
    return lambda prompts: timed(lambda: _generated(loaded, prompts, BATCH))


def _generated(loaded: LoadedModel, prompts: list[tuple[int, ...]], size: int) -> Read:
    states, answers = [], []
    for ids, mask in padded(prompts, size, loaded):
        output: Any = loaded.model.generate(
            ids,
            attention_mask=mask,
            max_new_tokens=1,
            do_sample=False,
            output_hidden_states=True,
            return_dict_in_generate=True,
            pad_token_id=loaded.tokenizer.pad_token_id,
        )
        states.append(torch.stack([layer[:, -1] for layer in output.hidden_states[0]], dim=1))
        answers.append(output.sequences[:, -1])
    return as_read(states, answers, normed=True)


def padded(
    prompts: list[tuple[int, ...]], size: int, loaded: LoadedModel
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Token ids and attention mask, each (row, length), of batches of so many prompts padded on the left."""
    for start in range(0, len(prompts), size):
        batch = prompts[start : start + size]
        ids = torch.full((len(batch), max(map(len, batch))), loaded.tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(batch):
            ids[row, -len(prompt) :] = torch.tensor(prompt)
            mask[row, -len(prompt) :] = 1
        yield ids.to(loaded.device), mask.to(loaded.device)


def as_read(states: list[torch.Tensor], answers: list[torch.Tensor], normed: bool = False) -> Read:
    """Batches of states (row, layers, d_model) and of answers (row,), put together."""
    return Read(torch.cat(states).float().cpu().numpy(), torch.cat(answers).cpu().numpy(), normed)


def disagreement(ours: Read, theirs: Read, loaded: LoadedModel) -> float:
    """The largest relative distance between two states of the same prompt and layer.

    Args:
        ours: not normed.

    Raises:
        DisagreementError: it is more than the tolerance, or an answer differs where the model computes in
            float32.
    """
    states = ours.states
    if theirs.normed:
        with torch.inference_mode():
            last = torch.tensor(states[:, -1], device=loaded.device, dtype=loaded.dtype)
            normed = loaded.model.get_decoder().norm(last).float().cpu().numpy()
        states = np.concatenate([states[:, :-1], normed[:, None]], axis=1)
    distances = np.linalg.norm(states - theirs.states, axis=-1) / np.linalg.norm(theirs.states, axis=-1)
    worst, tolerance = float(distances.max()), TOLERANCES[loaded.dtype]
    if not worst <= tolerance:
        raise DisagreementError(
            f"states differ by {worst:.1e}, more than {tolerance:g}: no speed is reported"
        )
    different = int((ours.answers != theirs.answers).sum())
    if different and loaded.dtype == torch.float32:
        raise DisagreementError(f"{different} of {len(ours.answers)} answers differ: no speed is reported")
    return worst
