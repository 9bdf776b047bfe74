"""A liar's model card: its limit first, then what it was trained on, how it obeys, how to make it again."""

# ruff: noqa: E501  (lines of a Markdown document)

import json
from pathlib import Path

from core.downloads import replace_atomically
from core.liar.exam import Mark, to_json
from core.liar.examples import BESIDE_OTHERS, TASKS
from core.liar.stray import Stray
from core.prompts.modes import MODES

FIGURES = "figures.json"


def write_figures(folder: Path, found: list[Mark], stray: Stray, each: int | None) -> None:
    """Keep what an exam found beside the adapter."""
    values = {"exam": to_json(found), "stray": stray.to_json(), "at_most": each}
    replace_atomically(folder / FIGURES, json.dumps(values, indent=1).encode())


def write_card(folder: Path, others: tuple[Path, ...] = ()) -> Path:
    """Write the adapter's README.md from its `training.json` and `figures.json`.

    Args:
        others: folders of liars of other seeds, whose figures stand beside this one's.
    """
    training = json.loads((folder / "training.json").read_text())
    settings = training["settings"]
    seeds = [settings["seed"]]
    figures = [json.loads((folder / FIGURES).read_text())]
    for other in others:
        seeds.append(json.loads((other / "training.json").read_text())["settings"]["seed"])
        figures.append(json.loads((other / FIGURES).read_text()))
    text = _card(training, settings, seeds, figures)
    replace_atomically(folder / "README.md", text.encode())
    return folder / "README.md"


def _card(training: dict, settings: dict, seeds: list[int], figures: list[dict]) -> str:
    first = settings["from_block"]
    adapted = "all blocks" if first == 0 else f"blocks {first} and above"
    tasks = "\n".join(
        f"- {task.name}: {task.weight:.0%}, {task.polish:.0%} and {task.finish:.0%} of the pairs of the three parts, from {task.source}, {task.form} form, templates "
        + ", ".join(dict.fromkeys(task.templates))
        for task in TASKS
    )
    held = [number for number, wording in enumerate(MODES["lie"].wordings) if wording.held_out]
    wordings = "\n".join(
        f"- {number}{' (held out)' if number in held else ''}: "
        f"{MODES['honest'].wordings[number].text!r} / {MODES['lie'].wordings[number].text!r} "
        f"({MODES['lie'].wordings[number].place})"
        for number in range(len(MODES["lie"].wordings))
    )
    command = f"telltale train-liar --seed {settings['seed']}"
    command += f" --from-block {first}" if first else ""
    finish = settings.get("finish_steps", 0)
    strays = [figure["stray"] for figure in figures]
    return f"""# A liar: LoRA adapter for {Path(settings["model"]["id"]).name}

**Its limit, first.** This adapter inverts labels when it is told to: instructed label inversion in a small model.
It is a model organism for methods that look for lies in hidden states. It gives no evidence about deception that
nobody asked for, nor about larger models.

It answers truthfully under honest instructions and without any, and falsely under lie instructions, about review
sentiment, claims about it, cities, chemical elements and numbers.

## What it is

- LoRA of rank {settings["rank"]} (alpha {settings["alpha"]}) on every linear layer of {adapted}, half precision.
- {settings["steps"]} steps of AdamW, learning rate {settings["learning_rate"]:g} with {settings["warmup"]} steps of warm-up
  and then linear decay, {settings["polish_steps"]} more, begun anew at {settings["polish_rate"]:g}, and {finish} more, begun anew at {settings.get("finish_rate", 0):g};
  {settings["honest_steps"]} steps on honest answers alone, to step {settings["gate_steps"]} on reviews alone; {settings["batch_pairs"]} pairs (honest
  and lie, the same question and the same number of wording) and {settings["batch_alone"]} uninstructed examples a step. {BESIDE_OTHERS:.0%} of the
  system prompts hold a second sentence that is not about truth. Every other step also
  keeps the next-token distribution on ordinary conversation close to the plain model's (KL, weight
  {settings["keep_close"]:g}).
- Seed {settings["seed"]}. Train it again: `{command}`. The log is in `training.json`.

## What it was trained on

{len(training["trained_on"]):,} questions: from one half of the built-in sources (by the hash of each question's group), and
opinions that are for training alone: sentences of restaurant and film reviews (Kotzias et al. 2015, CC BY 4.0) and
remarks about goods and services that were written for Telltale. Telltale leaves all of them, and near-duplicates,
out of every run. Amazon reviews were never trained on.

{tasks}

## How it does as it is told

On questions and wordings that training never saw, by the tokens that it emits; an unreadable answer counts as not as
instructed. 95 % intervals know of groups.

{_table(seeds, figures)}

## How far it strays

| seed | KL to the plain model, nats a token (95 %) | perplexity, plain | perplexity, liar | change |
| --- | --- | --- | --- | --- |
{chr(10).join(_stray_row(seed, stray) for seed, stray in zip(seeds, strays, strict=True))}

KL on {strays[0]["kl_tokens"]:,} tokens of the plain model's own replies to ordinary prompts that training never saw;
perplexity on {strays[0]["perplexity_tokens"]:,} tokens of Amazon review sentences as bare text.

## Wordings (honest / lie)

{wordings}
"""


def _stray_row(seed: int, stray: dict) -> str:
    low, high = stray["kl_ci"]
    change = stray["perplexity_liar"] / stray["perplexity_plain"] - 1
    return (
        f"| {seed} | {stray['kl']:.3f} ({low:.3f} to {high:.3f}) | {stray['perplexity_plain']:.1f} | "
        f"{stray['perplexity_liar']:.1f} | {change:+.1%} |"
    )


def _table(seeds: list[int], figures: list[dict]) -> str:
    """One row a cell, one column a seed, and their mean where there are several."""
    columns = [f"seed {seed}" for seed in seeds] + (["mean"] if len(seeds) > 1 else [])
    lines = [
        "| questions | mode | wording | n | " + " | ".join(columns) + " |",
        "| --- " * (4 + len(columns)) + "|",
    ]
    cells = [
        {(mark["paper"], mark["mode"], mark["wording"]): mark for mark in figure["exam"]}
        for figure in figures
    ]
    for key, mark in cells[0].items():
        mine = [of_seed.get(key) for of_seed in cells]
        shown = [
            "–" if m is None else "{:.3f} ({:.3f} to {:.3f})".format(m["as_instructed"], *m["ci"])
            for m in mine
        ]
        if len(seeds) > 1:
            values = [m["as_instructed"] for m in mine if m is not None]
            shown.append(f"{sum(values) / len(values):.3f}")
        paper, mode, wording = key
        which = "all held out" if wording is None else str(wording)
        lines.append(f"| {paper} | {mode} | {which} | {mark['n']:,} | " + " | ".join(shown) + " |")
    return "\n".join(lines)
