"""`telltale probe`, `telltale probes` and `telltale score`."""

from argparse import Namespace
from pathlib import Path

from core.commands.engine import engine
from core.commands.options import Result
from core.downloads import replace_atomically
from core.engine.settings import HarvestSettings
from core.errors import DataError, ProbeError
from core.exchange.control_vector import SUFFIX, write_control_vector
from core.files import read_file, read_text_file
from core.labels_of_run import labelled
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.probes.bundle import LARGEST_FILE, FittedProbe
from core.probes.cross_validated_of_run import cross_validated_run
from core.probes.false_alarms_of_run import false_alarms_of_run
from core.probes.layer_rules import LAYER_RULES, NO_LIES_USED
from core.probes.methods import method_named
from core.probes.of_run import area_among, probe_run
from core.probes.pooled import Pooled
from core.probes.rows import ProbeSettings
from core.probes.saved import SavedProbes, check_model, check_one_state, in_words, with_origin
from core.progress import shown_in_percent
from core.scoring import AsRead, Statement, label_names, parse_statements, score_statements
from core.store.judgements import JudgementStore
from core.store.runs import RunStore

LARGEST_STATEMENTS = 16 << 20
"""Bytes of a file of statements, of which there are few and none is long."""


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
        options.layer_rule,
    )


def probe(cache: Path, options: Namespace) -> Result:
    """A probe for every layer, with controls."""
    store = RunStore(cache)
    run = store.run(options.run).run
    other = store.run(options.test_run).run if options.test_run else None
    settings = probe_settings(options)
    if options.save is not None:
        check_one_state(settings.position, "kept")
    if options.cross_validate:
        return _cross_validated(store, run, settings, options)
    with engine(options), shown_in_percent() as show:
        report = probe_run(store, run, settings, test_run=other, progress=show)
    made = JudgementStore(cache).of(other or run)
    result = report.to_json(run, other) | {"judged_by_now": len(made)}
    answers = labelled(store, other or run)
    known = area_among(report, answers[answers["knows"] == 1])
    result["known"] = None if known is None else known.to_json()
    lines = [
        f"{options.method} probe of {options.target} at {report.settings.position}: trained on "
        f"{options.train} (n {report.n_train}), judged on {options.test} (n {report.chosen.test.n})",
        method_named(options.method).sentence,
        "layer   AUROC  95 % interval   accuracy",
    ]
    for row in report.layers:
        mark = f" ← chosen by {LAYER_RULES[options.layer_rule]}" if row.layer == report.layer else ""
        low, high = row.test.ci
        lines.append(
            f"{row.layer:>5}   {row.test.auroc:.3f}  {low:.3f} to {high:.3f}  {row.accuracy:.3f}{mark}"
        )
    for rule, about in LAYER_RULES.items():
        layer = report.rules[rule]
        figure = (
            "–"
            if layer is None
            else "AUROC {:.3f}  {:.3f} to {:.3f}".format(
                report.layers[layer].test.auroc, *report.layers[layer].test.ci
            )
        )
        used = "no lies used" if rule in NO_LIES_USED else "lie labels used"
        lines.append(f"layer by {about}: {'–' if layer is None else layer}  {figure}  ({used})")
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
    lines += [f"{name.replace('_', ' '):<16} absent: {why}" for name, why in report.absent.items()]
    lines += _pooled_lines(report.pooled)
    balanced = report.balanced
    lines.append(f"balanced accuracy {balanced.value:.3f}  {balanced.ci[0]:.3f} to {balanced.ci[1]:.3f}")
    lines += map(str, report.recalls)
    lines.append(report.calibration.sentence())
    lines.append(
        f"these test questions have judged {len(made)} configuration{'' if len(made) == 1 else 's'} by now"
    )
    if options.chat_run:
        alarms = false_alarms_of_run(store, run, report, options.chat_run, other)
        result["false_alarms"] = [found.to_json() for found in alarms]
        lines += [found.sentence for found in alarms]
    if options.save is not None:
        SavedProbes(cache).save(options.save, with_origin(report, store.run(run), store.run(other or run)))
        result["saved"] = options.save.strip()
        lines.append(f"kept as {options.save.strip()!r}: `telltale score RUN --probe NAME` scores with it")
    return result, "\n".join(lines)


def probes(cache: Path, options: Namespace) -> Result:
    """The kept probes: listed, exported, taken in or deleted."""
    saved = SavedProbes(cache)
    if options.export is not None:
        if not options.file:
            raise DataError("name the file to export to: --file FILE")
        if Path(options.file).suffix.lower() == SUFFIX:
            return _control_vector(saved.load(options.export), options)
        replace_atomically(Path(options.file), saved.load(options.export).to_bytes())
        return {"exported": options.export, "file": options.file}, f"{options.export!r} → {options.file}"
    if options.add is not None:
        name = saved.add(read_file(options.add, LARGEST_FILE, ProbeError), options.name or "")
        return {"added": name}, f"kept as {name!r}"
    if options.delete is not None:
        saved.delete(options.delete)
    found = saved.facts()
    lines = [f"{name}: {in_words(facts)}" for name, facts in found.items()]
    return {"probes": list(found.values())}, "\n".join(lines) or "no probes are kept: telltale probe --save"


def _control_vector(probe: FittedProbe, options: Namespace) -> Result:
    made = write_control_vector(probe, Path(options.file))
    result = {"exported": options.export, "file": options.file, "blocks": made.blocks, "scale": "unit"}
    blocks = f"{made.blocks[0]} to {made.blocks[-1]}"
    told = f"{options.export!r} → {options.file}: unit directions of blocks {blocks}"
    if not made.holds_chosen_layer:
        told += f"; not of layer {probe.layer}, the probe's own, which has no place in such a file"
    return result, told


def _pooled_lines(found: Pooled) -> list[str]:
    """The same layer with the mode hidden, beside the best control there and beyond the output."""
    low, high = found.area.ci
    lines = [
        f"all modes pooled, the mode hidden: AUROC {found.area.auroc:.3f}  {low:.3f} to {high:.3f} "
        f"(n {found.area.n})"
    ]
    if found.control is not None and found.rival is not None:
        less, more = found.control.margin.ci
        lines.append(
            f"    best control, {found.rival.replace('_', ' ')}: AUROC {found.control.auroc:.3f}   probe "
            f"above it by {found.control.margin.value:+.3f}, {less:+.3f} to {more:+.3f}"
        )
    if found.beyond is not None:
        low, high = found.beyond.ci
        lines.append(
            f"    beyond the output's entropy and log-odds: AUROC {found.beyond.auroc:.3f}  {low:.3f} to "
            f"{high:.3f}"
        )
    return lines


def _cross_validated(store: RunStore, run: str, settings: ProbeSettings, options: Namespace) -> Result:
    """What `--cross-validate` gives: five folds, with the test set closed."""
    with engine(options), shown_in_percent() as show:
        found = cross_validated_run(store, run, settings, sealed=True, progress=show)
    low, high = found.area.ci
    lines = [
        f"{settings.method} probe of {settings.target} at {settings.position}, cross-validated: trained on "
        f"{settings.train} (n {found.n_train} or more a fold), judged on {settings.test} (n {found.area.n}); "
        "the test set is closed",
        method_named(settings.method).sentence,
        f"AUROC {found.area.auroc:.3f}  {low:.3f} to {high:.3f}, layers "
        + ", ".join(map(str, sorted(found.layers))),
        "layer   AUROC  95 % interval",
    ]
    for layer, here in enumerate(found.by_layer):
        lines.append(f"{layer:>5}   {here.auroc:.3f}  {here.ci[0]:.3f} to {here.ci[1]:.3f}")
    result = {
        "run": run,
        "sign": method_named(settings.method).sign,
        **found.area.to_json(),
        "n_train": found.n_train,
        "fold_layers": list(found.layers),
        "layers": [{"layer": layer, **here.to_json()} for layer, here in enumerate(found.by_layer)],
    }
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
    if options.probe is not None:
        bundle = SavedProbes(cache).load(options.probe)
        check_model(bundle, run, f"probe {options.probe!r}")
    else:
        settings = probe_settings(options)
        check_one_state(settings.position, "used to score statements")
        with shown_in_percent() as show:
            bundle = probe_run(store, run.run, settings, test_run=options.test_run, progress=show).bundle
    with shown_in_percent() as show:
        scored = score_statements(
            load_model(asked, cache), store, run.run, bundle, statements, modes=modes, progress=show
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
        made += parse_statements(read_text_file(options.file, LARGEST_STATEMENTS, DataError), choices)
    if not made:
        raise DataError("nothing to score: give --text or --file")
    return made
