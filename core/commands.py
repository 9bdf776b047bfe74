"""What each command does: plain calls of core's functions, giving (object for --json, text for people)."""

import importlib.metadata
import json
import shutil
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from core.answers import make_reader
from core.best_of import best_of_summary
from core.data.hub import PRESETS
from core.data.open_questions import OPEN
from core.data.reviews import reviews_ready
from core.data.sources import BUILT_IN, HUB, DataSettings, source_choices
from core.data.tables import is_table_name, read_table
from core.data.uploads import ColumnMapping, guess_mapping
from core.decision_commands import belief_line
from core.decision_commands import decisions as decisions
from core.elicit.command import elicit_settings, run_search
from core.engine.generate import CHOICE_TOKENS, OPEN_TOKENS, POSITIONS, Decoding
from core.engine.harvest import HarvestProgress, prepare
from core.engine.harvest import harvest as run_harvest
from core.engine.settings import HarvestSettings
from core.errors import DataError, ModelError, StoreError, TelltaleError, TemplateError
from core.labels import belief_summary, mode_summary
from core.liar.command import make_liar
from core.liar.settings import LiarSettings
from core.liar.train import Step
from core.models.catalog import LIAR_ID, ModelSettings
from core.models.embedded import EMBEDDED_ID, embedded_ready
from core.models.loading import load_model
from core.models.tokenizers import load_tokenizer
from core.open_summary import outcome_table
from core.probes.of_run import area_among, labelled, probe_run
from core.probes.rows import ProbeSettings
from core.prompts.fitting import forms
from core.prompts.templates import OPEN_TEMPLATE, Template
from core.reliability import honest_reliability
from core.scoring import AsRead, Statement, label_names, parse_statements, score_statements
from core.store.decisions import DecisionStore
from core.store.runs import Run, RunStore
from core.store.saved import SavedStore

Result = tuple[dict, str]


def model_settings(options: Namespace) -> ModelSettings:
    """The model that was asked for; local paths made absolute, so that they hold from anywhere."""
    # An adapter of one's own goes on the plain model.
    default = EMBEDDED_ID if options.adapter else LIAR_ID
    chosen = default if options.model is None else absolute(options.model)
    adapter = None if options.adapter is None else absolute(options.adapter)
    return ModelSettings(chosen, adapter, options.four_bit)


def absolute(name: str) -> str:
    """The whole path of a file or folder that is there; anything else as it is."""
    path = Path(name).expanduser()
    return str(path.resolve()) if name.strip() and path.exists() else name


def progress_bar(total: int, unit: str) -> tqdm:
    """A bar on stderr, gone when it is done; none where nobody watches."""
    return tqdm(total=total, unit=unit, file=sys.stderr, disable=None, leave=False)


def chosen_template(cache: Path, name: str) -> Template:
    """A template by its name, or out of a JSON file with name, body and choices.

    Raises:
        TemplateError: there is none, or it cannot be used.
    """
    if not name.endswith(".json"):
        return SavedStore(cache).template(name)
    try:
        values = json.loads(Path(name).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TemplateError(f"template {name} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise TemplateError(f"template {name} is not an object with name, body and choices")
    return Template.from_dict({"name": Path(name).stem} | values)


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


def harvest(cache: Path, options: Namespace) -> Result:
    """Run or resume a harvest."""
    settings = harvest_settings(cache, options)
    loaded = load_model(settings.model, cache)
    store = RunStore(cache)
    prepared = prepare(settings, loaded, cache)
    with progress_bar(prepared.plan.answers, "answer") as bar:

        def show(state: HarvestProgress) -> None:
            bar.initial = state.done - state.made
            bar.update(state.done - bar.n)

        made = run_harvest(prepared, loaded, store, progress=show)
    result = {
        "run": made.run,
        "answers": made.answers,
        "made": made.made,
        "seconds": made.seconds,
        "answers_per_second": made.made / made.seconds if made.seconds else 0.0,
        "resumed": made.resumed,
    }
    found = "found" if made.resumed and not made.made else "resumed" if made.resumed else "made"
    return result, f"{made.run}: {made.answers} answers, {found} in {made.seconds:.1f} s"


def harvest_settings(cache: Path, options: Namespace) -> HarvestSettings:
    """The settings that the options amount to."""
    if options.data in OPEN and options.template is not None:
        raise TemplateError(f"{options.data} asks openly, in its own wording: leave --template out")
    template = OPEN_TEMPLATE if options.data in OPEN else chosen_template(cache, options.template or "review")
    new_tokens = options.max_new_tokens or (OPEN_TOKENS if options.data in OPEN else CHOICE_TOKENS)
    chosen = data_settings(options)
    form = options.form
    if form == "auto":
        form = forms(template, source_choices(cache, chosen))[0]
    return HarvestSettings(
        data=replace(chosen, form=form),
        template=template,
        model=model_settings(options),
        modes=tuple(dict.fromkeys(options.mode or ("honest", "lie"))),
        wordings=tuple(dict.fromkeys(options.wording or (0,))),
        orders=tuple(dict.fromkeys(options.order or (0,))),
        shots=options.shots,
        demo_sets=options.demo_sets,
        demo_answers=options.demo_answers,
        demo_seed=options.demo_seed,
        system=not options.no_system,
        chat=not options.plain,
        decoding=Decoding(new_tokens, temperature=options.temperature, seed=options.seed),
        samples=options.samples,
        calibration=options.calibration,
        calibration_per_mode=options.calibrate_per_mode,
        samples_modes=tuple(dict.fromkeys(options.samples_mode or ())),
        positions=tuple(p for p in POSITIONS if p in options.position)
        + tuple(set(options.position) - set(POSITIONS))
        if options.position
        else POSITIONS,
    )


def data_settings(options: Namespace) -> DataSettings:
    """The questions that were asked for, in direct form."""
    mapping = None
    if options.data in BUILT_IN and (options.text_column or options.label_column):
        raise DataError(f"{options.data} is built in: columns are chosen of files and hub sets")
    if options.text_column or options.label_column:
        guess = guess_mapping(read_table(options.data), options.data) if is_table_name(options.data) else None
        text, label = (
            options.text_column or (guess and guess.text),
            options.label_column or (guess and guess.label),
        )
        if not text or not label:
            raise DataError("give both --text-column and --label-column")
        mapping = ColumnMapping(text, label)
    data = options.data
    if data in PRESETS:
        data = HUB + data
    if options.split and not data.startswith(HUB):
        raise DataError(f"{data} has no splits: only hub sets have")
    name = absolute(data) if is_table_name(data) else data
    return DataSettings(
        name, options.n, options.seed, "direct", mapping, options.split, left_out=options.left_out
    )


def elicit(cache: Path, options: Namespace) -> Result:
    """Search wordings, templates, shots and roles for what gets truths and lies out of a model."""
    templates = tuple(chosen_template(cache, name) for name in dict.fromkeys(options.template or ()))
    data = replace(data_settings(options), n=None)
    return run_search(cache, elicit_settings(cache, options, data, model_settings(options), templates))


def train_liar(cache: Path, options: Namespace) -> Result:
    """Train a liar, or go on with it, and put the exam to it."""
    model = ModelSettings(EMBEDDED_ID) if options.model is None else model_settings(options)
    if options.adapter or options.four_bit:
        raise ModelError("a liar is trained on a plain model: leave out --adapter and --four-bit")
    settings = LiarSettings(model, options.from_block, options.seed)
    if options.steps is not None:
        settings = replace(settings, steps=options.steps)
    if options.quick:
        settings = settings.quick()
    each = options.exam if options.exam is not None else 4 if options.quick else None
    with progress_bar(settings.steps, "step") as bar:

        def show(step: Step) -> None:
            loss = "" if step.loss is None else f", loss {step.loss:.3f}"
            seen = "".join(f", {cell} {share:.2f}" for cell, share in step.figures.items())
            bar.set_description(step.what + loss + seen)
            bar.update(step.step - bar.n)

        folder, figures = make_liar(settings, cache, each=each, show=show)
    lines = [
        f"{mark['paper']}, {mark['mode']}: {mark['as_instructed']:.3f} as instructed (n {mark['n']})"
        for mark in figures.get("exam", [])
        if mark["wording"] is None
    ]
    return {"adapter": str(folder), "figures": figures}, "\n".join([f"adapter: {folder}", *lines])


def runs(cache: Path, options: Namespace) -> Result:
    """List runs, show one, delete one."""
    store = RunStore(cache)
    if options.action == "list" and options.run:
        raise StoreError(f"`telltale runs list` takes no run: use `telltale runs show {options.run}`")
    if options.action == "list":
        found = [summarise(store, run) for run in store.runs()]
        lines = [f"{r['run']}  {r['state']:<11}  {r['answers']:>6} answers  {r['title']}" for r in found]
        return {"runs": found}, "\n".join(lines) or "no runs yet: `telltale harvest` makes one"
    if not options.run:
        raise StoreError(f"which run? give `telltale runs {options.action}` a run's id")
    run = store.run(options.run)
    if options.action == "delete":
        store.delete(run.run)
        return {"run": run.run, "deleted": True}, f"{run.run} deleted"
    summary = summarise(store, run)
    told = {name: value for name, value in summary.items() if name != "beliefs"}
    lines = [f"{name}: {value}" for name, value in told.items()]
    lines.append(f"beliefs: {belief_line(summary['beliefs'], summary['beliefs']['margin'])}")
    return summary, "\n".join(lines)


def summarise(store: RunStore, run: Run) -> dict:
    """A run under the names that scripts count on."""
    frame = labelled(store, run.run)
    return {
        "run": run.run,
        "title": run.title,
        "model": run.facts["model"],
        "adapter": run.facts["adapter"],
        "left_out": run.settings["data"].get("left_out"),
        "template": run.settings["template"]["name"],
        "state": run.state,
        "answers": run.answers,
        "planned": run.planned,
        "honest": mode_summary(frame, "honest"),
        "lie": mode_summary(frame, "lie"),
        "open": None if (outcomes := outcome_table(frame)) is None else outcomes.to_dict("records"),
        "best_of": None if (chosen := best_of_summary(frame)) is None else chosen.to_json(),
        "dropped": int((frame["action"] == "drop").sum()),
        "beliefs": belief_summary(frame) | {"margin": DecisionStore(store.cache).margin(run.run)},
    }


def probe_settings(options: Namespace) -> ProbeSettings:
    """The probe that was asked for."""
    return ProbeSettings(
        options.method,
        options.target,
        options.position,
        options.train,
        options.test,
        options.seed,
        options.permutations,
    )


def probe(cache: Path, options: Namespace) -> Result:
    """A probe for every layer, with controls."""
    store = RunStore(cache)
    run = store.run(options.run).run
    other = store.run(options.test_run).run if options.test_run else None
    with progress_bar(100, "%") as bar:

        def show(fraction: float, what: str) -> None:
            bar.set_description(what)
            bar.update(round(100 * fraction) - bar.n)

        report = probe_run(store, run, probe_settings(options), test_run=other, progress=show)
    result = report.to_json(run, other)
    answers = labelled(store, other or run)
    known = area_among(report, answers[answers["knows"] == 1])
    result["known"] = None if known is None else known.to_json()
    lines = [
        f"{options.method} probe of {options.target} at {options.position}: trained on {options.train} "
        f"(n {report.n_train}), judged on {options.test} (n {report.chosen.test.n})",
        "layer   AUROC  95 % interval   accuracy",
    ]
    for row in report.layers:
        mark = " ← chosen on validation data" if row.layer == report.layer else ""
        low, high = row.test.ci
        lines.append(
            f"{row.layer:>5}   {row.test.auroc:.3f}  {low:.3f} to {high:.3f}  {row.accuracy:.3f}{mark}"
        )
    if known is not None:
        low, high = known.ci
        lines.append(f"on questions it knows AUROC {known.auroc:.3f}  {low:.3f} to {high:.3f} (n {known.n})")
    for name, control in result["controls"].items():
        if control:
            low, high = control["auroc_ci"]
            margin = ""
            if "margin" in control:
                less, more = control["margin_ci"]
                margin = f"   probe above it by {control['margin']:+.3f}, {less:+.3f} to {more:+.3f}"
            lines.append(
                f"{name.replace('_', ' '):<16} AUROC {control['auroc']:.3f}  {low:.3f} to {high:.3f}{margin}"
            )
    return result, "\n".join(lines)


def score(cache: Path, options: Namespace) -> Result:
    """Score statements in each mode, as read and as the model's own turn."""
    store = RunStore(cache)
    run = store.run(options.run)
    statements = _typed(options, label_names(store, run.run))
    modes = tuple(dict.fromkeys(options.mode or ("honest", "lie")))
    asked = HarvestSettings.from_dict(run.settings).model
    if options.model or options.adapter:
        asked = ModelSettings(options.model or asked.id, options.adapter, options.four_bit)
    with progress_bar(100, "%") as bar:

        def show(fraction: float, what: str) -> None:
            bar.set_description(what)
            bar.update(round(100 * fraction) - bar.n)

        report = probe_run(store, run.run, probe_settings(options), test_run=options.test_run, progress=show)
        bar.reset()
        scored = score_statements(
            load_model(asked, cache), store, run.run, report.bundle, statements, modes=modes, progress=show
        )
    lines = [f"layer {scored.layer}; probability of {scored.positive_name!r}"]
    lines += [_score_line(entry) for entry in scored.read]
    lines += [area.sentence() for area in scored.areas]
    return scored.to_json(), "\n".join([*lines, *scored.notes])


def _score_line(entry: AsRead) -> str:
    number = "  –  " if entry.probability is None else f"{entry.probability:.3f}"
    stranger = " (unlike anything in training)" if entry.unlike_training else ""
    said = f"says {entry.said or 'no choice'}, leans {entry.leans}"
    told = f"{entry.mode:<6} {number}  probe says {entry.probe_says}; model {said}"
    return f"{told}  {entry.statement.text}{stranger}"


def _typed(options: Namespace, choices: tuple[str, str]) -> list[Statement]:
    """The statements that --text and --file give. `--text` is taken as it is: a file's lines are parsed."""
    made = [Statement(text) for text in options.text or []]
    if options.file:
        try:
            content = Path(options.file).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{options.file} cannot be read: {error}") from error
        made += parse_statements(content, choices)
    if not made:
        raise DataError("nothing to score: give --text or --file")
    return made


def export(cache: Path, options: Namespace) -> Result:
    """Write a run's labelled answers as CSV, or one layer's states as .npy."""
    store = RunStore(cache)
    run = store.run(options.run)
    frame = labelled(store, run.run)
    path = Path(options.file)
    try:
        if options.layer is None:
            frame.to_csv(path, index=False)
        else:
            states = store.layer(run.run, options.position, options.layer, frame["answer"].to_numpy())
            with path.open("wb") as handle:
                np.save(handle, states)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    return {
        "run": run.run,
        "file": str(path),
        "answers": len(frame),
    }, f"{len(frame)} answers written to {path}"


def doctor(cache: Path, options: Namespace) -> Result:
    """Whether everything that Telltale needs is there and works."""
    checks = []

    def check(name: str, ok: bool, detail: str) -> None:
        checks.append({"name": name, "ok": bool(ok), "detail": detail})

    check("python", sys.version_info >= (3, 11), sys.version.split()[0])
    for package in ("torch", "transformers", "streamlit", "plotly", "umap-learn", "scikit-learn", "zarr"):
        try:
            check(package, True, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            check(package, False, "not installed: pip install -r requirements.txt")
    free = shutil.disk_usage(cache).free
    check("disk", free > 1e9, f"{free / 1e9:.1f} GB free")
    check("embedded model", embedded_ready(cache), "ready" if embedded_ready(cache) else "run `make setup`")
    check("reviews", reviews_ready(cache), "ready" if reviews_ready(cache) else "run `make setup`")
    try:
        if embedded_ready(cache):
            loaded = load_model(ModelSettings(), cache)
            check("model loads", True, f"{loaded.parameters / 1e6:.1f} million parameters on {loaded.device}")
    except TelltaleError as error:
        check("model loads", False, str(error))
    try:
        check("store", True, f"{len(RunStore(cache).runs())} runs")
    except TelltaleError as error:
        check("store", False, str(error))
    ok = all(entry["ok"] for entry in checks)
    lines = [f"{'ok ' if entry['ok'] else 'BAD'}  {entry['name']}: {entry['detail']}" for entry in checks]
    return {"ok": ok, "checks": checks}, "\n".join(lines)
