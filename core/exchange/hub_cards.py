"""The cards of what goes to the hub: what it was made from, how it did, what it cannot tell.

Names and facts may come from elsewhere: each stands as one visible line of code in the text.
"""

# ruff: noqa: E501  (lines of a Markdown document)

import json

import pandas as pd

from core.errors import ProbeError
from core.labels import mode_summary
from core.probes.methods import method_named
from core.shown import named
from core.store.runs import Run


def probe_card(facts: dict, name: str, file: str) -> str:
    """The card of a kept probe.

    Args:
        facts: what the probe says of itself, its layer among them.
        name: under which it is kept; file: that it is in.
    """
    told = {key: _code(facts.get(key)) for key in ("method", "target", "position", "train", "model", "run")}
    layers, width = _code(facts.get("layers")), _code(facts.get("d_model"))
    return f"""{_head(["probe", "interpretability"])}
# A probe: {_code(name)}

**Its limit, first.** It reads one direction in the hidden states of one model, {told["model"]}. That this direction
goes with {told["target"]} on the answers below does not say that the model uses it, that it stands for the same on
other questions, or that a low score is a lie.

## What it was trained on

- {told["train"]} answers of run {told["run"]}, {_count(facts.get("n_train"))} of them; seed {_code(facts.get("seed"))}.
- Method {told["method"]}: {_method(facts.get("method"))}
- States at position {told["position"]}, layer {_code(facts.get("layer"))} of {layers} (0 is the embedding output),
  {width} wide, chosen by the rule {_code(facts.get("rule"))}.
- The target is {told["target"]}; the choices were {_code(facts.get("choices"))}.

## How it did on held-out answers

{_judged(facts)}

## What it cannot tell

- Questions of other sources, wordings, languages or models: `telltale transfer` measures some of that.
- Whether it does better than the model's own output or the words of the question: `telltale controls` does.
- Probabilities far from what it was trained on: it says of states that they are unlike its own, and still scores.

## How to use it

```sh
telltale probes --add {file} --name NAME
telltale score RUN --probe NAME --text "…"
```
"""


def liar_head() -> str:
    """What the hub reads of a liar; the card that its folder has follows."""
    return _head(["lora", "model-organism", "interpretability"], library="peft")


def run_card(run: Run, answers: pd.DataFrame, kept: int, column: str) -> str:
    """The card of a pruned run.

    Args:
        answers: all of them, as `core.labels_of_run.labelled` gives them; kept: how many of them stay.
        column: the name of one with states.
    """
    modes = "\n".join(_mode_row(answers, mode) for mode in run.settings["modes"])
    facts, template = run.facts, run.settings["template"]["name"]
    adapter = f", with adapter {_code(facts['adapter'])}" if facts["adapter"] else ""
    return f"""{_head(["hidden-states", "interpretability"])}
# Run {run.run}: hidden states of {_code(facts["model"])} while it answered

**Its limit, first.** The model was instructed how to answer, under lie falsely; how often it did stands below. What is
seen here is instructed inversion of labels at most; it is no evidence about deception that nobody asked for.

## What it was made from

- Model {_code(facts["model"])}{adapter}; its states are {facts["d_model"]} wide, of {facts["layers"]} layers.
- Questions of {_code(run.settings["data"]["name"])}, asked with template {_code(template)}.
- {kept:,} answers; {len(answers) - kept:,} more were dropped before this was written, by people's decisions or
  because they are not finite. `run.json` holds every setting.

## How the answers are

| mode | answers | readable | as instructed, of the readable ones | 95 % interval |
| --- | --- | --- | --- | --- |
{modes}

Counted before pruning by outcome, which would make these figures. Intervals know of groups: one question in all of
its wordings counts once. Nothing here was fitted, so nothing is held out; split by `group` before you fit.

## What it cannot tell

- Pruning by outcome changes what a figure means: the answers that are left are those that somebody kept.
- Labels are those of the source, and may be wrong.

## How to use it

```python
from datasets import load_from_disk
answers = load_from_disk("FOLDER")  # where this was downloaded to
states = answers.with_format("numpy")[{json.dumps(column)}]
```
"""


def _head(tags: list[str], library: str = "telltale") -> str:
    return f"---\nlibrary_name: {json.dumps(library)}\ntags: {json.dumps(['telltale', *tags])}\n---\n"


def _judged(facts: dict) -> str:
    try:
        low, high = (float(end) for end in facts["auroc_ci"])
        return (
            f"AUROC {float(facts['auroc']):.3f}, 95 % interval {low:.3f} to {high:.3f}, on {int(facts['n_test']):,} "
            f"{_code(facts['test'])} answers of run {_code(facts['test_run'])}, of groups that training never saw. "
            "The layer was chosen on other answers than these."
        )
    except (KeyError, TypeError, ValueError):
        return "The probe does not say how it was judged: no figure of it is known."


def _method(name: object) -> str:
    try:
        return method_named(str(name)).sentence
    except ProbeError:
        return "which this version of Telltale does not know."


def _mode_row(answers: pd.DataFrame, mode: str) -> str:
    found = mode_summary(answers, mode)
    if found["as_instructed"] is None:
        return f"| {_code(mode)} | {found['n']:,} | {found['readable']:,} | – | – |"
    low, high = found["ci"]
    share = f"{found['as_instructed']:.3f} | {low:.3f} to {high:.3f}"
    return f"| {_code(mode)} | {found['n']:,} | {found['readable']:,} | {share} |"


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "nobody says how many"


def _code(value: object) -> str:
    """A fact as code in Markdown, on one line."""
    said = "not said" if value is None else value
    text = ", ".join(map(str, said)) if isinstance(said, list) else str(said)
    return f"`{named(text).replace('`', chr(39)).replace('|', '/')}`"
