"""A model that gives NaN or infinity: answers that meet it are flagged, counted and left out of probes."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import torch
from safetensors.torch import load_file, save_file

from core.engine.prompts import prompt_of
from core.engine.settings import HarvestSettings
from core.models.tokenizers import load_tokenizer
from core.store.runs import RunStore
from tests.faults.alike import unlike
from tests.faults.outcome import Injection
from tests.faults.processes import run
from tests.faults.scene import Scene, bad_refusal, failure, result
from tests.faults.snapshot import rows_of_run

EMBEDDINGS, LAST_BLOCK = "model.embed_tokens.weight", "model.layers.2.mlp.down_proj.weight"
SHARE = 0.25
"""Of the answers whose prompts are to hold the poisoned token, about."""
POISONS = {"NaN": float("nan"), "infinity": float("inf")}
FLAGGED = {"flagged": "SELECT answer FROM answers WHERE run = ? AND not_finite"}


def not_finite(scene: Scene) -> Iterator[Injection]:
    """Poison what the model knows of one token, and then a whole block."""
    token, expected = poisoned_answers(scene)
    for name, value in POISONS.items():
        model = poisoned(scene, EMBEDDINGS, token, value)
        how = f"at a token that {len(expected)} of {len(scene.reference.snapshot.answers)} prompts hold"
        yield Injection(f"{name} from the model", how, comes_through(scene, model, expected))
    model = poisoned(scene, LAST_BLOCK, 0, POISONS["NaN"])
    yield Injection("NaN from the model", "in a block", in_a_block(scene, model))


def poisoned_answers(scene: Scene) -> tuple[int, set[int]]:
    """A token that some prompts hold and no answer does, and the answers to those."""
    store = RunStore(scene.reference.cache)
    asked = store.run(scene.reference.run)
    tokenizer = load_tokenizer(HarvestSettings.from_dict(asked.settings).model, scene.reference.cache)
    frame = store.answers(asked.run)
    prompts = {row["answer"]: set(prompt_of(asked, row, tokenizer).ids) for row in frame.to_dict("records")}
    tokens = sorted(set().union(*prompts.values()))
    holders = {token: {answer for answer, ids in prompts.items() if token in ids} for token in tokens}
    best = min(tokens, key=lambda token: abs(len(holders[token]) - SHARE * len(prompts)))
    return best, holders[best]


def poisoned(scene: Scene, weight: str, row: int, value: float) -> Path:
    """The tiny model with a row of one of its weights replaced."""
    folder = Path(shutil.copytree(scene.tiny, Path(mkdtemp(dir=scene.folder)) / "poisoned"))
    weights = load_file(folder / "model.safetensors")
    weights[weight][row] = torch.full_like(weights[weight][row], value)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def comes_through(scene: Scene, model: Path, expected: set[int], *options: str) -> tuple[str, ...]:
    """What is wrong with a run of a poisoned model, of which these answers are expected to be flagged."""
    usual, cache = scene.reference, scene.cache()
    ended = run(*[model if word == scene.tiny else word for word in scene.harvest(cache)], *options)
    if lost := failure(ended):
        return lost
    name = result(ended)["run"]
    flagged = {row[0] for row in rows_of_run(cache, name, FLAGGED)["flagged"]}
    lost = [f"{len(expected - flagged)} answers are not flagged"] if expected - flagged else []
    lost += [f"{len(flagged - expected)} other answers are flagged"] if flagged - expected else []
    shown = result(run("runs", "show", name, "--cache", cache, "--json"))
    if shown["not_finite"] != len(flagged):
        lost.append(f"{shown['not_finite']} are counted, and {len(flagged)} flagged")
    sound = usual.snapshot.answers.keys() - expected
    lost += unlike((cache, name), (usual.cache, usual.run), sound) if sound else ()
    probe = run("probe", name, "--permutations", 0, "--cache", cache, "--json")
    return (*lost, *(failure(probe) if sound else bad_refusal(probe)))


def in_a_block(scene: Scene, model: Path) -> tuple[str, ...]:
    """What is wrong where nothing is finite: refused where leans are calibrated, all flagged otherwise."""
    refused = run(*[model if word == scene.tiny else word for word in scene.harvest(scene.cache())])
    everything = set(scene.reference.snapshot.answers)
    return (*bad_refusal(refused), *comes_through(scene, model, everything, "--calibration", "none"))
