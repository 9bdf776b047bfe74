"""Probes: how well a direction in the states reads a target, layer by layer, beside all that it must beat."""

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import charts
from core.errors import ProbeError
from core.probes.by_layer import ProbeReport
from core.probes.layer_rules import FLOOR, LAYER_RULES, NEAR, NO_LIES_USED
from core.probes.metrics import Control
from core.probes.of_run import area_among, known_report
from core.probes.pooled import Pooled
from core.probes.rows import BOTH, TARGETS, ProbeSettings, default_modes
from core.said_names import said_names
from core.store.runs import Run
from dashboard import (
    chart_with_table,
    in_address,
    probe_controls,
    probe_folds,
    probe_method,
    probe_uses,
    session,
)
from dashboard.need_run import need_answered_run

TARGET_HELP = (
    "truth: which choice is right. said: the choice that was emitted. said_true: whether what was said is "
    "true. lie: whether it contradicts what the model believes. mode: which instruction it was under."
)
RULE_HELP = (
    "By what the layer is chosen, on validation data. "
    + " ".join(f"{rule}: {about}." for rule, about in LAYER_RULES.items())
    + f" Agreement looks only at layers with an honest AUROC of at least {FLOOR}, and of them at those whose"
    + f" correlation between the modes is within {NEAR} of the best."
)
MODE_HIDDEN = (
    "The chosen layer judged on the test answers of all modes at once, and nobody tells it which is which. "
    "The best control is the one with the highest AUROC on the same answers, which favours it. Beyond the "
    "output: what is left of the score once the output's entropy and log-odds are regressed out in each "
    "mode, fitted on validation answers."
)
# An open question has no truth among choices; what is said is right or wrong.
OPEN_TARGETS = ("said_true", "lie", "mode")

CLASSES = {
    "said_true": ("said the untrue", "said the truth"),
    "lie": ("no lie", "lie"),
    "mode": ("no lie instruction", "lie instruction"),
}


def main() -> None:
    """The page."""
    run = need_answered_run()
    settings, other = form(run)
    store = session.run_store()
    report = known_report(store, run.run, settings, other)
    judged = store.run(other) if other else run
    if report is None:
        probe_folds.sealed(run, judged, settings)
        return
    st.session_state["probe"] = (settings, other)
    headline(run, judged, report)
    probe_folds.judged_by_now(judged)
    chart(run, report)
    probe_controls.beside_the_chart(run, judged, report)
    details(judged, report)
    probe_uses.on_conversation(run, judged, report)
    probe_uses.keep(run, judged, report)


def form(run: Run) -> tuple[ProbeSettings, str | None]:
    """What is trained and judged on what."""
    asked = run.settings["modes"]
    modes = [*asked, BOTH]
    cells = st.columns([2, 2, 2, 2, 2, 2, 1, 1], vertical_alignment="bottom")
    method, position = probe_method.choose_method(run, cells[0], cells[2])
    targets = OPEN_TARGETS if run.facts.get("open") else TARGETS
    target = in_address.selectbox(
        cells[1], "Target", targets, "target", key=f"probe_target of {len(targets)}", help=TARGET_HELP
    )
    first, second = (modes.index(mode) for mode in default_modes(asked))
    train = in_address.selectbox(
        cells[3], "Train on", modes, "train", index=first, key=f"probe_train {modes}"
    )
    test = in_address.selectbox(cells[4], "Test on", modes, "test", index=second, key=f"probe_test {modes}")
    rule = in_address.selectbox(
        cells[5], "Layer by", list(LAYER_RULES), "rule", key="probe_rule", help=RULE_HELP
    )
    seed = in_address.number_input(cells[6], "Seed", 0, 10_000, 0, 1, "seed", key="probe_seed")
    permutations = in_address.number_input(
        cells[7], "Null", 0, 1000, 100, 1, "null", key="probe_null", help="Permutations"
    )
    others = {
        r.run: r.title
        for r in session.run_store().runs()
        if r.run != run.run and r.facts["d_model"] == run.facts["d_model"] and r.answers
    }
    other = None
    if others:
        other = in_address.selectbox(
            st,
            "Judge on",
            [None, *others],
            "judge",
            format_func=lambda r: "this run's test groups" if r is None else others[r],
            key="probe_other",
            help="Of another run, what shares a group or a near-duplicate text with training is left out.",
        )
    probe_method.say_missing(run)
    settings = ProbeSettings(method, target, position, train, test, seed, permutations, rule)
    return settings, other


def headline(run: Run, judged: Run, report: ProbeReport) -> None:
    """The chosen layer's test figure, what it stands on, and what it must be seen beside."""
    s, chosen, controls = report.settings, report.chosen, report.controls
    low, high = chosen.test.ci
    cells = st.columns([2, 2, 2, 2, 2])
    cells[0].metric(f"AUROC of {s.target} at layer {report.layer}", f"{chosen.test.auroc:.3f}")
    cells[0].caption(
        f"95 %: {low:.3f} to {high:.3f} · n {chosen.test.n:,}, {chosen.test.positive:,} positive"
    )
    with st.spinner("Reading the answers …"):
        answers = session.answers(judged)
    if (known := area_among(report, answers[answers["knows"] == 1])) is not None:
        cells[0].caption(
            f"on questions that it knows: {known.auroc:.3f} ({known.ci[0]:.3f} to {known.ci[1]:.3f}) · "
            f"n {known.n:,}"
        )
    cells[0].caption(
        "accuracy at its threshold: {:.3f} ({:.3f} to {:.3f})".format(chosen.accuracy, *chosen.accuracy_ci)
    )
    with_mode_hidden(cells[1], report.pooled)
    null = controls.get("permuted")
    if null is None:
        cells[2].metric("Permuted labels", "–")
        cells[2].caption("no null was asked for")
    else:
        made = null.to_json()
        cells[2].metric("Permuted labels", f"{made['auroc']:.3f}")
        cells[2].caption(
            "95 %: {:.2f} to {:.2f} · p {:.3f} · {} ×".format(
                *made["auroc_ci"], made["p_value"], made["permutations"]
            )
        )
    for cell, name in ((cells[3], "text"), (cells[4], "honest_answer")):
        found = controls.get(name)
        title = charts.CONTROL[name][0]
        if not isinstance(found, Control):
            cell.metric(title, "–")
            cell.caption("not to be had")
            continue
        cell.metric(title, f"{found.auroc:.3f}")
        cell.caption(
            "95 %: {:.3f} to {:.3f} · probe better by {:+.2f} ({:+.2f} to {:+.2f})".format(
                *found.ci, found.margin.value, *found.margin.ci
            )
        )
    sentence(run, judged, report)


def with_mode_hidden(cell: DeltaGenerator, found: Pooled) -> None:
    """The same layer on the answers of all modes, beside the best control there and beyond the output."""
    cell.metric("With the mode hidden", f"{found.area.auroc:.3f}", help=MODE_HIDDEN)
    told = "95 %: {:.3f} to {:.3f} · n {:,} of all modes".format(*found.area.ci, found.area.n)
    if found.control is not None and found.rival is not None:
        told += " · margin over the best control, {}: {:+.2f} ({:+.2f} to {:+.2f})".format(
            charts.CONTROL[found.rival][0], found.control.margin.value, *found.control.margin.ci
        )
    cell.caption(told)
    if found.beyond is not None:
        cell.caption(
            "beyond the output: {:.3f} ({:.3f} to {:.3f})".format(found.beyond.auroc, *found.beyond.ci)
        )


def sentence(run: Run, judged: Run, report: ProbeReport) -> None:
    """One plain sentence from the figures."""
    s, chosen = report.settings, report.chosen
    low, high = chosen.test.ci
    if low <= 0.5 <= high:
        verdict = "cannot be told from chance"
    else:
        verdict = f"{'reads' if low > 0.5 else 'reads the opposite of'} {s.target}"
    unbeaten = [
        f"{charts.CONTROL[name][0]} (margin {found.margin.ci[0]:+.2f} to {found.margin.ci[1]:+.2f})"
        for name, found in report.controls.items()
        if isinstance(found, Control) and found.margin.ci[0] <= 0
    ]
    if s.target == "mode":
        verdict += ", which is no feat: the instruction stands in the prompt, unseen by the controls"
    elif low > 0.5 and unbeaten:
        verdict += f", but is not clearly better than {', '.join(unbeaten)}"
    elif low > 0.5:
        which = "each control that is to be had" if report.absent else "each control"
        verdict += f", and clearly better than {which} (paired 95 % intervals above 0)"
    elsewhere = "" if judged is run else f" of the run {session.as_text(judged.title)}"
    dropped = f" Pruned: {report.n_dropped:,}." if report.n_dropped else " Nothing was pruned."
    st.markdown(
        f"The direction trained on **{s.train}** answers (n {report.n_train:,}) **{verdict}** when judged on "
        f"**{s.test}** answers{elsewhere} (n {chosen.test.n:,}) to questions that neither training nor the "
        f"choice of the layer (made on n {report.n_validation:,} others) saw.{dropped}"
    )
    probe_method.say_sign(s.method)
    layer_rules(report)
    if judged.facts["choices"] != run.facts["choices"]:
        pairs = zip(run.facts["choices"], judged.facts["choices"], strict=True)
        named = ", ".join(f"{there} stands where {here} stood" for here, there in pairs)
        st.warning(f"The two runs ask about different things: {session.as_text(named)}.")
    for part in (run,) if judged is run else (run, judged):
        if part.state != "complete":
            st.warning(f"Run {part.run} is {part.state}: figures are of its {part.answers:,} answers so far.")


def layer_rules(report: ProbeReport) -> None:
    """What the layer of each rule comes to on the same test answers."""
    rows = []
    for rule, about in LAYER_RULES.items():
        layer = report.rules[rule]
        found = None if layer is None else report.layers[layer].test
        rows.append(
            {
                "layer chosen by": about + (" · in use" if rule == report.settings.rule else ""),
                "no lies used": "yes" if rule in NO_LIES_USED else "no",
                "layer": "–" if layer is None else str(layer),
                "test AUROC": "–" if found is None else f"{found.auroc:.3f}",
                "95 % interval": "–" if found is None else "{:.3f} to {:.3f}".format(*found.ci),
            }
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True, width=900)


def chart(run: Run, report: ProbeReport) -> None:
    """AUROC or accuracy by layer, and the figures of the layer that the pages look at."""
    metric = in_address.segmented_control(
        st, "Measure", ("AUROC", "accuracy"), "measure", key="measure", default="AUROC"
    )
    layers = pd.DataFrame(
        [
            {
                "layer": row.layer,
                "value": row.test.auroc if metric == "AUROC" else row.accuracy,
                "low": (row.test.ci if metric == "AUROC" else row.accuracy_ci)[0],
                "high": (row.test.ci if metric == "AUROC" else row.accuracy_ci)[1],
            }
            for row in report.layers
        ]
    )
    controls = probe_controls.switched_on(report)
    share = report.chosen.test.positive / report.chosen.test.n
    chance = 0.5 if metric == "AUROC" else max(share, 1 - share)
    place = st.container()
    layer = session.layer_slider(run)
    drawn = charts.by_layer(layers, controls, metric, report.layer, chance, layer)
    table = layers.assign(curve="probe")
    if metric == "AUROC":
        table = pd.concat([table, controls.rename(columns={"name": "curve", "auroc": "value"})])
    with place:
        chart_with_table.show(drawn, table, f"{metric} by layer", "by layer")
    row = report.layers[layer]
    validation = ", ".join(f"{mode} {value:.3f}" for mode, value in row.validation.items())
    st.caption(
        f"Layer {layer}: test AUROC {row.test.auroc:.3f} ({row.test.ci[0]:.3f} to {row.test.ci[1]:.3f}), "
        f"accuracy {row.accuracy:.3f}; validation AUROC {validation}. All pages look at this layer."
    )


def other_figures(report: ProbeReport) -> str:
    """Balanced accuracy, and recall where few false positives are allowed."""
    told = "Balanced accuracy {:.3f} ({:.3f} to {:.3f})".format(report.balanced.value, *report.balanced.ci)
    return session.as_text(" · ".join([told, *map(str, report.recalls)]))


def details(judged: Run, report: ProbeReport) -> None:
    """The chosen probe: confusion, calibration, its worst mistakes."""
    names = CLASSES.get(report.settings.target) or tuple(judged.facts["choices"])
    st.markdown(other_figures(report))
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**Confusion at layer {report.layer}**, threshold 0")
        counts = pd.DataFrame(report.confusion, columns=[f"probe says {name}" for name in names])
        counts.insert(0, "target", list(names))
        chart_with_table.show(
            charts.confusion(report.confusion, names),
            counts,
            "target against what the probe says",
            "confusion",
        )
    with right:
        st.markdown(f"**Calibration** (fitted on validation data) · Brier score {report.brier:.3f}")
        bins = report.calibration.bins
        about = "observed share by predicted probability"
        chart_with_table.show(charts.reliability(bins), bins, about, "reliability")
        st.caption(session.as_text(report.calibration.sentence()))
    st.markdown("**Its worst mistakes**")
    wrong = report.predictions[~report.predictions["correct"]]
    wrong = wrong.assign(size=wrong["score"].abs()).nlargest(20, "size")
    if wrong.empty:
        st.caption("It made none on these answers.")
        return
    rows = session.run_store().answers_at(judged.run, wrong["answer"].tolist())
    said, _ = said_names(judged, rows)
    table = pd.DataFrame(
        {
            "answer": wrong["answer"].to_numpy(),
            "question": [
                text + (f" · claim: {claim}" if isinstance(claim, str) else "")
                for text, claim in zip(rows["text"], rows["claim"], strict=True)
            ],
            "mode": rows["mode"].to_numpy(),
            "target": [names[int(value)] for value in wrong["target"]],
            "probability of " + names[1]: wrong["probability"].round(3).to_numpy(),
            "said": said,
        }
    )
    st.dataframe(table, hide_index=True, height=min(420, 38 * (len(table) + 1)))


try:
    main()
except ProbeError as refused:
    st.error(session.as_text(refused))
