"""What scores cost while a model speaks, against the same words spoken without a hook or a score.

CPU time of every thread, which other work on the machine disturbs least, in pairs.
"""

from collections.abc import Iterator
from functools import partial
from time import process_time

import numpy as np
import torch
from transformers import DynamicCache

from benchmarks.bench import Bench
from benchmarks.compare import DisagreementError
from benchmarks.row import Bar, Found, Row, measure_row
from core.data.chat import chat_prompts
from core.engine.arithmetic import FastLinear
from core.engine.generate import pad_left
from core.engine.speak import Spoken, speak
from core.models.loading import LoadedModel
from core.probes.bundle import FittedProbe
from core.prompts.chat import Prompt, chat_format, render_turns
from core.prompts.modes import wording_of

BAR = Bar(1.10, most=True)


def speaking_rows(bench: Bench) -> Iterator[Row]:
    """One row: how many times as long scored generation computes."""
    yield measure_row(
        "live scoring of every token at every layer: CPU time",
        "generation without it",
        BAR,
        partial(measure, bench),
    )


def measure(bench: Bench) -> Found:
    """Scored and plain generation in turn.

    Raises:
        DisagreementError: the two sides spoke different words.
    """
    found = costs(bench.loaded, bench.size.spoken, bench.size.pairs)
    checked = f"two answers side by side, up to {bench.size.spoken} tokens; the same words"
    return Found([1 + cost for cost in found], checked)


def costs(loaded: LoadedModel, new_tokens: int, pairs: int) -> list[float]:
    """Of each pair, the CPU time that scores add, as a share of that of generation alone.

    Where an answer is cut off, its last token is read for the score alone: that pass is among the costs.

    Raises:
        DisagreementError: the two sides spoke different words.
    """
    form = chat_format(loaded.tokenizer)
    asked = [
        render_turns(loaded.tokenizer, wording_of("none", 0), [], text, "", form)
        for text in chat_prompts()[:2]
    ]
    probe = random_probe(loaded)
    passes = min(new_tokens, _scored(loaded, asked, probe, new_tokens)[1].shape[1])  # and warms both up
    found = []
    for _ in range(pairs):
        alone, words = _alone(loaded, asked, passes)
        scored, told = _scored(loaded, asked, probe, new_tokens)
        if not ((words == told[:, :passes]) | (told[:, :passes] < 0)).all():
            raise DisagreementError("with scores other words were spoken than without: no cost can be told")
        found.append(scored / alone - 1)
    return found


def random_probe(loaded: LoadedModel) -> FittedProbe:
    """A probe of the model's shape that was fitted to nothing: it costs what any does."""
    vectors = np.random.default_rng(0).normal(size=(loaded.layers, loaded.d_model))
    rest = ("platt", "training_scores", "training_target", "centre", "components", "spread", "distances")
    facts = {"target": "truth", "position": "mean"}
    return FittedProbe(
        facts=facts,
        vectors=vectors,
        intercepts=np.zeros(loaded.layers),
        layer=0,
        **{name: np.zeros(1) for name in rest},
    )


def _scored(
    loaded: LoadedModel, prompts: list[Prompt], probe: FittedProbe, new_tokens: int
) -> tuple[float, np.ndarray]:
    """CPU seconds, and the ids told (prompts, passes), -1 where a turn had ended."""
    heard: list[list[Spoken]] = [[] for _ in prompts]
    began = process_time()
    speak(loaded, prompts, probe.scores, new_tokens, tell=lambda row, token: heard[row].append(token))
    seconds = process_time() - began
    ids = np.full((len(prompts), max(map(len, heard))), -1)
    for row, tokens in enumerate(heard):
        ids[row, : len(tokens)] = [token.id for token in tokens]
    return seconds, ids


@torch.inference_mode()
def _alone(loaded: LoadedModel, prompts: list[Prompt], passes: int) -> tuple[float, np.ndarray]:
    """CPU seconds of so many passes, and the ids read (prompts, passes): greedy, with nothing kept."""
    read = [[prompt.ids[-1] for prompt in prompts]]
    began = process_time()
    pad = loaded.tokenizer.pad_token_id
    tokens, mask, places = pad_left([prompt.ids for prompt in prompts], 0, pad, loaded.device)
    cache = DynamicCache()
    with FastLinear():
        for _ in range(passes):
            output = loaded.model(
                input_ids=tokens,
                attention_mask=mask,
                position_ids=places,
                cache=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            read.append(output.logits[:, -1].argmax(dim=-1).tolist())
            tokens = torch.tensor(read[-1], device=loaded.device)[:, None]
            mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], dim=1)
            places = places[:, -1:] + 1
    return process_time() - began, np.array(read[:passes]).T
