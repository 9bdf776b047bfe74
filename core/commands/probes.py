"""`telltale probe` and `telltale score`."""

from argparse import Namespace
from pathlib import Path

from core.commands.options import Result
from core.engine.settings import HarvestSettings
from core.errors import DataError
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.probes.layer_rules import LAYER_RULES, NO_LIES_USED
from core.probes.methods import method_named
from core.probes.of_run import area_among, labelled, probe_run
from core.probes.rows import ProbeSettings
from core.progress import shown_in_percent
from core.scoring import AsRead, Statement, label_names, parse_statements, score_statements
from core.store.runs import RunStore


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
    with shown_in_percent() as show:
        report = probe_run(store, run, probe_settings(options), test_run=other, progress=show)
    result = report.to_json(run, other)
    answers = labelled(store, other or run)
    known = area_among(report, answers[answers["knows"] == 1])
    result["known"] = None if known is None else known.to_json()
    lines = [
        f"{options.method} probe of {options.target} at {options.position}: trained on {options.train} "
        f"(n {report.n_train}), judged on {options.test} (n {report.chosen.test.n})",
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
    with shown_in_percent() as show:
        report = probe_run(store, run.run, probe_settings(options), test_run=options.test_run, progress=show)
    with shown_in_percent() as show:
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
