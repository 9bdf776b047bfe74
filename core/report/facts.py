"""What a report says of a run besides its figures: settings, model, adapter, packages."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version

from core.engine.settings import HarvestSettings
from core.errors import ModelError
from core.files import read_text_file
from core.models.catalog import LIAR_ID, local_path
from core.models.embedded import EMBEDDED_ID, GGUF_SHA256, REQUIREMENT
from core.prompts.modes import wording_of
from core.store.decisions import DecisionStore
from core.store.runs import Run, RunStore

PACKAGES = ("telltale", "torch", "transformers", "peft", "numpy", "scikit-learn", "pandas", "plotly", "zarr")
LONGEST_CARD = 40_000
"""Characters of a model's card that are shown."""
LARGEST_CARD = 1 << 20
CARD = "README.md"

Facts = list[tuple[str, str]]


def settings_of(store: RunStore, run: Run) -> Facts:
    """Everything that decided the run's answers, in words."""
    s = HarvestSettings.from_dict(run.settings)
    data, decoding = s.data, s.decoding
    facts = [
        ("questions", f"{data.name}, {'all' if data.n is None else f'{data.n:,}'}, seed {data.seed}"),
        ("form and style", f"{data.form}, {run.style}"),
        ("template", f"{s.template.name}: {s.template.body}"),
        ("choices", " / ".join(run.facts["choices"])),
    ]
    if s.template.answer_prefix:
        facts.append(("answer begins with", s.template.answer_prefix))
    if data.left_out:
        facts.append(("left out", f"the questions of elicitation {data.left_out}"))
    facts += [
        (f"instruction, {mode} {number}", wording.text or "none")
        for mode in s.modes
        for number in s.wordings
        for wording in (wording_of(mode, number),)
    ]
    orders = ("positive choice first", "negative choice first")
    facts += [
        ("choice order", ", ".join(orders[order] for order in s.orders)),
        ("examples", _examples(s)),
        (
            "chat",
            f"template {'used' if s.chat else 'not used'}, system role {'used' if s.system else 'not used'}",
        ),
        (
            "decoding",
            f"temperature {decoding.temperature:g}, at most {decoding.max_new_tokens} tokens, stops at "
            f"{', '.join(map(repr, decoding.stop)) or 'nothing'}, seed {decoding.seed}",
        ),
        ("samples", f"{s.samples}" + (f" under {', '.join(s.samples_modes)}" if s.samples_modes else "")),
        (
            "calibration of leans",
            s.calibration + (", in each mode by itself" if s.calibration_per_mode else ""),
        ),
        ("positions", ", ".join(s.positions) + (", both continuations" if s.contrast else "")),
        ("margin of belief", f"{DecisionStore(store.cache).margin(run.run):.2f}"),
        ("answers", f"{run.answers:,} of {run.planned:,}, {run.state}"),
        ("started and ended, UTC", f"{run.started} to {run.ended or 'not ended'}"),
    ]
    return facts


def _examples(s: HarvestSettings) -> str:
    if not s.shots:
        return "none"
    return f"{s.shots} a prompt, {s.demo_sets} sets, answered by {s.demo_answers}, seed {s.demo_seed}"


def model_of(run: Run) -> Facts:
    """What the run knows of the model that answered."""
    facts, settings = run.facts, HarvestSettings.from_dict(run.settings)
    told = [
        ("model", str(facts["model"])),
        ("content", str(facts["model_content"])),
        ("adapter", str(facts["adapter"] or "none")),
        ("layers", f"{facts['layers']}, the embedding output among them"),
        ("d_model", str(facts["d_model"])),
        ("computed in", f"{facts['dtype']}{', 4-bit weights' if settings.model.four_bit else ''}"),
    ]
    if facts.get("first_block") is not None:
        told.append(("first adapted block", str(facts["first_block"])))
    if settings.model.embedded and "imported" not in facts:
        told.append(("weights", f"{EMBEDDED_ID}, from {REQUIREMENT}, GGUF of SHA-256 {GGUF_SHA256}"))
    if facts.get("off_policy"):
        told.append(("off-policy", "the answers were given elsewhere, and read teacher-forced"))
    if facts.get("imported"):
        told.append(("imported", json.dumps(facts["imported"], ensure_ascii=False)))
    return told


def card_of(run: Run) -> str | None:
    """The card of the run's adapter, or of a model in a folder of this machine; None without one."""
    settings = HarvestSettings.from_dict(run.settings).model
    try:
        folder = settings.adapter_folder
        if folder is None and settings.id not in (LIAR_ID, EMBEDDED_ID):
            folder = local_path(settings.id)
        if folder is None or not (folder / CARD).is_file():
            return None
        text = read_text_file(folder / CARD, LARGEST_CARD, ModelError)
    except ModelError:
        return None
    return text if len(text) <= LONGEST_CARD else f"{text[:LONGEST_CARD]}\n… ({len(text):,} characters)"


def versions() -> Facts:
    """Python, the packages that compute what a report shows, and the machine's kind."""
    found = [("Python", platform.python_version())]
    for name in PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed"))
    return [*found, ("machine", f"{platform.system()} on {platform.machine()}")]
