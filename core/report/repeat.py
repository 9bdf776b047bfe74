"""The command that repeats a run, made from its settings, and what of them no command can say."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from core.calibration import MEAN
from core.data.open_questions import OPEN
from core.engine.decoding import CHOICE_TOKENS, OPEN_TOKENS, POSITIONS, Decoding
from core.engine.settings import HarvestSettings
from core.models.catalog import LIAR_ID
from core.prompts.demonstrations import DEMO_SETS
from core.prompts.templates import BUILT_IN
from core.store.runs import Run

TEMPLATE_FILE = "template.json"
USUAL_MODES = ("honest", "lie")


@dataclass(frozen=True)
class Repeat:
    """How a run is made again.

    Attributes:
        command: for a shell.
        template: what `TEMPLATE_FILE` has to hold, where the command names it.
        notes: what the command needs or cannot say, one sentence each.
    """

    command: str
    template: str | None = None
    notes: tuple[str, ...] = ()


def repeat_of(run: Run) -> Repeat:
    """The command that finds a run again, or makes it where it is not there."""
    if "imported" in run.facts:
        return _import(run)
    settings = HarvestSettings.from_dict(run.settings)
    template, own = settings.template.name, None
    if not settings.open and BUILT_IN.get(template) != settings.template:
        template, own = TEMPLATE_FILE, json.dumps(settings.template.to_dict(), indent=2, ensure_ascii=False)
    words = ["telltale", "harvest", *_questions(settings, template), *_asked(settings), *_kept(settings)]
    return Repeat(shlex.join(words), own, tuple(_unsaid(settings)))


def _import(run: Run) -> Repeat:
    """Of a run that was brought from elsewhere: the files by their names, and how to know them."""
    imported = run.facts["imported"]
    words = ["telltale", "import"]
    if "answers" in imported:
        words += [imported["answers"], *_option("--model", run.settings["model"]["id"], None)]
        words += _option("--adapter", run.settings["model"]["adapter"], None)
    else:
        words += [imported["states"], *_option("--labels", imported.get("labels"), None)]
        words += ["--model", run.facts["model"]]
    hashes = ", ".join(f"{name} {value}" for name, value in imported.items() if name.endswith("sha256"))
    return Repeat(shlex.join(words), None, (f"The files are known by their hashes: {hashes}.",))


def _questions(s: HarvestSettings, template: str) -> list[str]:
    data = s.data
    words = ["--data", data.name, *_option("--n", data.n, None), *_option("--seed", data.seed, 0)]
    if not s.open:
        words += ["--template", template, "--form", data.form]
    words += _option("--style", data.style, "plain") + _option("--split", data.split, None)
    words += _option("--left-out", data.left_out, None)
    if data.mapping is not None:
        words += ["--text-column", data.mapping.text, "--label-column", data.mapping.label]
    return words


def _asked(s: HarvestSettings) -> list[str]:
    words = _option("--model", s.model.id, LIAR_ID) + _option("--adapter", s.model.adapter, None)
    words += ["--four-bit"] * s.model.four_bit
    words += _several("--mode", s.modes, USUAL_MODES) + _several("--wording", s.wordings, (0,))
    words += _several("--order", s.orders, (0,))
    if s.shots:
        words += ["--shots", str(s.shots), *_option("--demo-sets", s.demo_sets, DEMO_SETS)]
        words += _option("--demo-answers", s.demo_answers, "truth")
    words += _option("--demo-seed", s.demo_seed, 0)
    return [*words, *["--no-system"] * (not s.system), *["--plain"] * (not s.chat)]


def _kept(s: HarvestSettings) -> list[str]:
    usual = OPEN_TOKENS if s.data.name in OPEN else CHOICE_TOKENS
    words = _option("--max-new-tokens", s.decoding.max_new_tokens, usual)
    words += _option("--temperature", s.decoding.temperature, 0.0) + _option("--samples", s.samples, 1)
    words += _several("--samples-mode", s.samples_modes, ())
    if not s.open and s.calibration != MEAN:
        words += _option("--calibration", s.calibration, "content-free")
    words += ["--calibrate-per-mode"] * s.calibration_per_mode
    return [*words, *_several("--position", s.positions, POSITIONS), *["--contrast"] * s.contrast]


def _unsaid(s: HarvestSettings) -> list[str]:
    """What of the settings the command does not say."""
    mapping, notes = s.data.mapping, []
    if mapping is not None and (mapping.id or mapping.group or mapping.label_names):
        notes.append(
            "The command cannot say which columns were ids and groups, nor how labels were named: the "
            "Generate page can."
        )
    if s.decoding.seed != s.data.seed:
        notes.append(
            f"Decoding was seeded with {s.decoding.seed}, the questions with {s.data.seed}: a command has "
            "one seed for both."
        )
    if s.decoding.stop != Decoding().stop:
        notes.append("Answers ended at marks of the person's own, which the Generate page alone can say.")
    if s.calibration == MEAN:
        notes.append("Leans were calibrated as an older version did, which is no longer to be chosen.")
    return notes


def _option(name: str, value: object, usual: object) -> list[str]:
    return [] if value == usual else [name, str(value)]


def _several(name: str, values: Sequence, usual: Sequence) -> list[str]:
    return [] if values == usual else [word for value in values for word in (name, str(value))]
