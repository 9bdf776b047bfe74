"""`telltale models` and `telltale train-liar`."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from core.commands.options import Result, model_settings
from core.errors import ModelError
from core.liar.command import make_liar
from core.liar.settings import LiarSettings
from core.liar.train import Step
from core.models.catalog import ModelSettings
from core.models.embedded import EMBEDDED_ID
from core.models.loading import load_model
from core.progress import progress_bar


def models(cache: Path, options: Namespace) -> Result:
    """The model's facts, loaded."""
    loaded = load_model(model_settings(options), cache)
    entry = {
        "id": loaded.settings.id,
        "name": loaded.name,
        "blocks": loaded.layers - 1,
        "d_model": loaded.d_model,
        "parameters": loaded.parameters,
        "adapter": loaded.settings.adapter_name,
        "device": str(loaded.device),
        "dtype": str(loaded.dtype).removeprefix("torch."),
    }
    text = (
        f"{entry['name']}: {loaded.parameters / 1e6:.1f} million parameters, {entry['blocks']} blocks, "
        f"d_model {loaded.d_model}, {entry['device']}, {entry['dtype']}"
    )
    return {"models": [entry]}, text


def train_liar(cache: Path, options: Namespace) -> Result:
    """Train a liar, or go on with it, and put the exam to it."""
    model = ModelSettings(EMBEDDED_ID) if options.model is None else model_settings(options)
    if options.adapter or options.four_bit:
        raise ModelError("a liar is trained on a plain model: leave out --adapter and --four-bit")
    settings = LiarSettings(model, options.from_block, options.seed)
    if options.quick or options.study:
        settings = settings.quick() if options.quick else settings.for_study()
    if options.steps is not None:
        settings = replace(settings, steps=options.steps)
    each = options.exam
    if each is None and (options.quick or options.study):
        each = 4 if options.quick else 0
    with progress_bar(settings.all_steps, "step") as bar:

        def show(step: Step) -> None:
            loss = "" if step.loss is None else f", loss {step.loss:.3f}"
            seen = "".join(f", {cell} {share:.2f}" for cell, share in step.figures.items())
            if step.steps != bar.total or step.step < bar.n:  # the exam has steps of its own
                bar.reset(total=step.steps)
                bar.unit = "%"
            bar.set_description(step.what + loss + seen)
            bar.update(step.step - bar.n)

        folder, figures = make_liar(settings, cache, each=each, show=show)
    lines = [
        f"{mark['paper']}, {mark['mode']}: {mark['as_instructed']:.3f} as instructed (n {mark['n']})"
        for mark in figures.get("exam", [])
        if mark["wording"] is None
    ]
    return {"adapter": str(folder), "figures": figures}, "\n".join([f"adapter: {folder}", *lines])
