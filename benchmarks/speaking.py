"""What scores cost while a model speaks: `python -m benchmarks.speaking`.

CPU time of every thread, which other work on the machine disturbs least, against the same words spoken
without a hook or a score, in pairs.
"""

import argparse
import sys
from statistics import median
from time import process_time

import numpy as np
import torch
from transformers import DynamicCache

from core.data.chat import chat_prompts
from core.engine.arithmetic import FastLinear
from core.engine.generate import pad_left
from core.engine.speak import MOST_TOKENS, Spoken, speak
from core.errors import TelltaleError
from core.models.catalog import ModelSettings
from core.models.embedded import EMBEDDED_ID
from core.models.loading import LoadedModel, load_model
from core.paths import cache_folder
from core.probes.bundle import FittedProbe
from core.prompts.chat import Prompt, chat_format, render_turns
from core.prompts.modes import wording_of

BAR = 0.10


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; exit code 1 where the bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speaking", description=__doc__)
    parser.add_argument("--tokens", type=int, default=40, help=f"of each answer, 1 to {MOST_TOKENS}")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--cache", help="the cache folder")
    chosen = parser.parse_args(arguments)
    loaded = load_model(ModelSettings(EMBEDDED_ID), cache_folder(chosen.cache))
    found = costs(loaded, chosen.tokens, chosen.pairs)
    low, middle, high = min(found), median(found), max(found)
    print(
        f"{loaded.name}, two answers side by side, up to {chosen.tokens} tokens, every layer scored: scores "
        f"cost {middle:.1%} of generation ({low:.1%} to {high:.1%}, {len(found)} pairs); bar {BAR:.0%}"
    )
    return 0 if middle < BAR else 1


def costs(loaded: LoadedModel, new_tokens: int, pairs: int) -> list[float]:
    """Of each pair, the CPU time that scores add, as a share of that of generation alone.

    Where an answer is cut off, its last token is read for the score alone: that pass is among the costs.

    Raises:
        TelltaleError: the two sides spoke different words.
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
            raise TelltaleError("with scores other words were spoken than without: no cost can be told")
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


if __name__ == "__main__":
    sys.exit(main())
