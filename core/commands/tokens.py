"""`telltale tokens` and `telltale calibration`: how answers are read, and how far leans can be relied on."""

from argparse import Namespace
from pathlib import Path

from core.answers import make_reader
from core.commands.options import Result, chosen_template, model_settings
from core.engine.settings import HarvestSettings
from core.errors import StoreError
from core.models.tokenizers import load_tokenizer
from core.reliability import honest_reliability
from core.store.runs import RunStore


def tokens(cache: Path, options: Namespace) -> Result:
    """Every spelling of a template's choices."""
    template = chosen_template(cache, options.template)
    reader = make_reader(load_tokenizer(model_settings(options), cache), template.choices)
    choices, lines = [], []
    for number, choice in enumerate(reader.choices):
        mine = [s for s in reader.spellings if s.choice == number]
        spellings = [{"text": s.text, "ids": list(s.ids), "token": s.token} for s in mine]
        choices.append({"choice": choice, "spellings": spellings})
        lines.append(f"{choice}: " + ", ".join(f"{s.text!r} {list(s.ids)}" for s in mine))
    return {"choices": choices, "single_token": reader.single}, "\n".join(lines)


def calibration(cache: Path, options: Namespace) -> Result:
    """How a run's leans are calibrated, and how reliable they are under honest, raw and calibrated."""
    store = RunStore(cache)
    run = store.run(options.run)
    if run.facts.get("open"):
        raise StoreError(f"run {run.run} asks open questions: there are no choices whose leans to calibrate")
    answers, curves = store.answers(run.run), store.calibrations(run.run)
    settings = HarvestSettings.from_dict(run.settings)
    result: dict = {"run": run.run, "method": settings.calibration, "per_mode": settings.calibration_per_mode}
    result |= {"curves": curves.to_dict("records"), "raw": None, "calibrated": None}
    lines = [
        f"{settings.calibration}, {'by mode' if settings.calibration_per_mode else 'the same in all modes'}"
    ]
    if (found := honest_reliability(answers, curves)) is None:
        lines.append("nothing was asked under honest: reliability is judged there")
    for name, judged in zip(("raw", "calibrated"), found or (), strict=False):
        result[name] = judged.to_json()
        lines.append(f"{name}: {judged.sentence()}")
    return result, "\n".join(lines)
