"""Figures of the probes that were judged on a run's test questions or cross-validated outside them."""

from itertools import product

import pandas as pd

from core import charts
from core.figures.figure import Absent, Answered, Drawn, RunFigure, between
from core.figures.judged import JudgedProbe
from core.open_answers import not_judged
from core.probes.by_layer import ProbeReport
from core.probes.cross_validated import CrossValidated
from core.probes.cross_validated_of_run import known_cross_validated
from core.probes.layer_rules import LAYER_RULES
from core.probes.methods import METHODS, method_named
from core.probes.metrics import Control
from core.probes.rows import BOTH, ProbeSettings, default_modes

SECTION = "Probe"
MOST = 4
"""Probes that are drawn, of the judged ones and of the cross-validated ones each; the log names all."""
ANSWERS_OF = {BOTH: "answers of both modes", "none": "uninstructed answers"}
BY_LAYER = (
    *("curve", "layer", "auroc", "low", "high", "n", "accuracy"),
    *("margin", "margin_low", "margin_high"),
)
CLASSES = {
    "said_true": ("said the untrue", "said the truth"),
    "lie": ("no lie", "lie"),
    "mode": ("no lie instruction", "lie instruction"),
}


def figures_of_probes(at: Answered, judged: list[JudgedProbe]) -> Drawn:
    """The probes whose reports are kept; where nothing was judged, how to do that."""
    if not_judged(at.labelled).any():
        why = "it is a run of ordinary conversation, in which nothing is true or false"
        return [Absent(SECTION, "A probe on the test questions", why)]
    kept = [(number, probe) for number, probe in enumerate(judged, start=1) if probe.report is not None]
    drawn: Drawn = []
    for number, probe in kept[:MOST]:
        drawn += _of_judged(at, probe, number, len(judged))
    title, command = "A probe on the test questions", f"telltale probe {at.run.run}"
    if not judged:
        why = "the test questions have judged nothing and stay closed; the command opens them, and is logged"
        drawn.append(Absent(SECTION, title, why, command))
    elif not kept:
        why = (
            f"they have judged {len(judged)} so far, in the log of this section, and no report of these is "
            "kept for the answers and decisions as they stand"
        )
        drawn.append(Absent(SECTION, title, why, command))
    return [*drawn, *_cross_validated(at)]


def judged_table(judged: list[JudgedProbe]) -> pd.DataFrame:
    """The log of what the test questions have judged: at, trained on run, configuration, test AUROC."""
    return pd.DataFrame(
        [
            {
                "first judged, UTC": probe.logged.at[:19],
                "trained on run": probe.logged.trained,
                "configuration": probe.logged.what,
                "test AUROC": f"{probe.logged.auroc:.3f}",
            }
            for probe in judged
        ]
    )


def _of_judged(at: Answered, probe: JudgedProbe, number: int, of: int) -> list[RunFigure]:
    report = probe.report
    assert report is not None
    s, found = report.settings, report.chosen.test
    name = f"probe-{number}"
    what = f"{s.method} probe of {s.target}, {s.train} to {s.test}"
    trained = at.run.run if probe.logged.trained == at.run.run else f"run {probe.logged.trained}"
    here = "" if probe.logged.trained == at.run.run else f" of {trained}"
    other = "" if probe.logged.trained == at.run.run else f" --test-run {at.run.run}"
    command = (
        f"telltale probe {probe.logged.trained}{other} --method {s.method} --target {s.target} --position "
        f"{s.position} --train {s.train} --test {s.test} --layer-rule {s.rule} --seed {s.seed} "
        f"--permutations {s.permutations}"
    )
    names = CLASSES.get(s.target) or at.choices
    standing = (
        f"Trained on {report.n_train:,} {answers_of(s.train)}{here}, layer {report.layer} chosen on "
        f"{report.n_validation:,} others by {LAYER_RULES[s.rule]}, judged on {found.n:,} "
        f"{answers_of(s.test)}, {found.positive:,} positive, to questions that neither saw. "
        f"{report.n_dropped:,} pruned."
    )
    order = f"Configuration {number} of {of} that these test questions have judged." if of > 1 else ""
    balanced = report.balanced
    caption = (
        f"Accuracy {report.chosen.accuracy:.3f} ({between(*report.chosen.accuracy_ci)}), balanced accuracy "
        f"{balanced.value:.3f} ({between(*balanced.ci)}). {standing} {_beside(report)} {order} "
        f"{method_named(s.method).sentence}"
    )
    return [
        RunFigure(
            f"{name}-by-layer",
            SECTION,
            f"AUROC by layer: {what}",
            caption,
            charts.by_layer(_layers(report), _controls(report), "AUROC", report.layer),
            _by_layer_table(report),
            command,
            _finding(report),
        ),
        RunFigure(
            f"{name}-confusion",
            SECTION,
            f"Confusion at layer {report.layer}: {what}",
            f"Counts at threshold 0, n {found.n:,}; balanced accuracy {balanced.value:.3f} "
            f"({between(*balanced.ci)}); {'; '.join(map(str, report.recalls))}.",
            charts.confusion(report.confusion, names),
            pd.DataFrame(
                [
                    {"target": names[row], "probe says": names[column], "n": report.confusion[row][column]}
                    for row, column in product((0, 1), (0, 1))
                ]
            ),
            command,
        ),
        RunFigure(
            f"{name}-calibration",
            SECTION,
            f"Calibration at layer {report.layer}: {what}",
            f"Fitted on validation answers, judged on {found.n:,} test answers, n of each bin beside it, 95 "
            f"% intervals over groups; Brier score {report.brier:.3f}, {report.calibration.sentence()}.",
            charts.reliability(report.calibration.bins),
            report.calibration.bins,
            command,
        ),
    ]


def answers_of(mode: str) -> str:
    """The answers that a probe learns from or is judged on, in words."""
    return ANSWERS_OF.get(mode, f"{mode} answers")


def _finding(report: ProbeReport) -> str:
    """What the chosen layer's test figure says, beside the controls that it must beat."""
    s, found = report.settings, report.chosen.test
    low, high = found.ci
    if low <= 0.5 <= high:
        verdict = "cannot be told from chance"
    else:
        verdict = f"{'reads' if low > 0.5 else 'reads the opposite of'} {s.target}"
    unbeaten = [
        charts.CONTROL[name][0]
        for name, control in report.controls.items()
        if isinstance(control, Control) and control.margin.ci[0] <= 0
    ]
    each = "each control that is to be had" if report.absent else "each control"
    beside = ""
    if s.target != "mode" and low > 0.5:
        beside = f"; not clearly better than: {', '.join(unbeaten)}" if unbeaten else f"; it beats {each}"
    return (
        f"Trained on {answers_of(s.train)} and judged on {answers_of(s.test)}, the {s.method} probe at layer "
        f"{report.layer} {verdict}: AUROC {found.auroc:.3f} ({between(low, high)}), n {found.n:,}{beside}."
    )


def _beside(report: ProbeReport) -> str:
    """The null, the controls that are missing, and the figure with the mode hidden, in words."""
    parts = ["Margins over the controls, with paired 95 % intervals, are in the table."]
    if (null := report.controls.get("permuted")) is not None:
        made = null.to_json()
        low, high = made["auroc_ci"]
        parts.append(
            f"With permuted labels, {made['permutations']} times: AUROC {made['auroc']:.3f} on average, "
            f"central 95 % {low:.3f} to {high:.3f}, p {made['p_value']:.3f}."
        )
    if report.absent:
        missing = (charts.CONTROL[name][0] for name in report.absent)
        parts.append(f"Controls that are not to be had: {', '.join(missing)}.")
    pooled = report.pooled.area
    parts.append(
        f"On the answers of all modes, the mode hidden: AUROC {pooled.auroc:.3f} ({between(*pooled.ci)}), n "
        f"{pooled.n:,}."
    )
    return " ".join(parts)


def _layers(report: ProbeReport) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"layer": row.layer, "value": row.test.auroc, "low": row.test.ci[0], "high": row.test.ci[1]}
            for row in report.layers
        ]
    )


def _controls(report: ProbeReport) -> pd.DataFrame:
    rows = [
        {"name": name, "auroc": made["auroc"], "low": made["auroc_ci"][0], "high": made["auroc_ci"][1]}
        for name, found in report.controls.items()
        if found is not None
        for made in (found.to_json(),)
    ]
    return pd.DataFrame(rows, columns=["name", "auroc", "low", "high"])


def _by_layer_table(report: ProbeReport) -> pd.DataFrame:
    """The probe by layer and, without a layer, its controls with the probe's margin over each."""
    rows: list[dict] = []
    for name, found in report.controls.items():
        if found is None:
            continue
        made = found.to_json()
        low, high = made["auroc_ci"]
        title = "permuted labels" if name == "permuted" else charts.CONTROL[name][0]
        row = {"curve": title, "auroc": made["auroc"], "low": low, "high": high}
        if isinstance(found, Control):
            less, more = found.margin.ci
            row |= {"n": found.n, "margin": found.margin.value, "margin_low": less, "margin_high": more}
        rows.append(row)
    for layer in report.layers:
        low, high = layer.test.ci
        row = {"curve": "probe", "layer": layer.layer, "auroc": layer.test.auroc, "low": low, "high": high}
        rows.append(row | {"n": layer.test.n, "accuracy": layer.accuracy})
    return pd.DataFrame(rows, columns=BY_LAYER)


def _cross_validated(at: Answered) -> Drawn:
    """Those with the usual modes, target and seed, whatever their method, position and layer rule."""
    train, test = default_modes(at.run.settings["modes"])
    target = "said_true" if at.open else "truth"
    methods = [name for name in METHODS if _may_learn(name, target, train)]
    positions = at.store.states(at.run.run).positions()
    found: Drawn = []
    for method, position, rule in product(methods, positions, LAYER_RULES):
        settings = ProbeSettings(method, target, position, train, test, permutations=0, rule=rule)
        known = known_cross_validated(at.store, at.run.run, settings, sealed=True)
        if known is not None:
            found.append(_of_folds(at, settings, known, len(found) + 1))
    if found:
        return found[:MOST]
    why = "no probe was cross-validated for the answers and decisions as they stand"
    command = f"telltale probe {at.run.run} --cross-validate"
    return [Absent(SECTION, "A probe, cross-validated with the test questions closed", why, command)]


def _may_learn(name: str, target: str, train: str) -> bool:
    method = method_named(name)
    return (method.targets is None or target in method.targets) and (method.needs != "pairs" or train == BOTH)


def _of_folds(at: Answered, s: ProbeSettings, found: CrossValidated, number: int) -> RunFigure:
    layers = pd.DataFrame(
        [
            {"layer": layer, "value": here.auroc, "low": here.ci[0], "high": here.ci[1], "n": here.n}
            for layer, here in enumerate(found.by_layer)
        ]
    )
    none = pd.DataFrame(columns=["name", "auroc", "low", "high"])
    area = found.area
    return RunFigure(
        f"cross-validated-{number}",
        SECTION,
        f"Cross-validated AUROC by layer: {s.method} probe of {s.target}, {s.train} to {s.test}",
        "The interval is over groups: it covers the sampling of questions, not "
        f"refitting), n {area.n:,}, {area.positive:,} positive; trained on {found.n_train:,} or more a fold "
        f"at position {s.position}; the folds chose layers {', '.join(map(str, sorted(found.layers)))} by "
        f"{LAYER_RULES[s.rule]}. Of questions outside the test set alone. {method_named(s.method).sentence}",
        charts.by_layer(layers, none, "AUROC", None, judged_on="cross-validated"),
        layers.rename(columns={"value": "auroc"}),
        f"telltale probe {at.run.run} --cross-validate --method {s.method} --target {s.target} --position "
        f"{s.position} --train {s.train} --test {s.test} --layer-rule {s.rule}",
        f"Cross-validated with the test questions closed, the {s.method} probe of {s.target} trained on "
        f"{answers_of(s.train)} reaches AUROC {area.auroc:.3f} ({between(*area.ci)}) on "
        f"{answers_of(s.test)}, n {area.n:,}.",
    )
