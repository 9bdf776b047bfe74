"""Lie score: how far what is said departs from what an honest-trained probe reads, and what that detects."""

import streamlit as st

from core.charts import lie_score as lie_charts
from core.errors import ProbeError
from core.probes.layer_rules import LAYER_RULES, NO_LIES_USED
from core.probes.lie_judgements import cells
from core.probes.lie_score import CENTRINGS, LieScoreSettings
from core.probes.lie_score_of_run import (
    LieScoreReport,
    known_lie_score,
    may_give_flips,
    read_scores_path,
)
from core.probes.read_or_said_of_run import last_common_layer
from core.store.runs import Run
from dashboard import chart_with_table, in_address, model_panel, session, work
from dashboard.need_run import need_run_of_choices
from dashboard.take_away import take_away

WHY = (
    "A probe of the truth learns from honest answers alone. The lie score is high where it reads the truth "
    "one way and the model says the other. A *flip* is the same false answer, given because the user openly "
    "asked for the opposite: a score that cannot tell lies from flips detects inversion, not deception."
)
HEADLINE = {
    "untrue": "AUROC, untrue from true",
    "failed_lies": "AUROC, lies from failed lies",
    "flips": "AUROC, lies from flips",
}
RULE_HELP = "No lie is used: a layer is chosen anew for each fold, on the other folds. " + " ".join(
    f"{rule}: {LAYER_RULES[rule]}." for rule in NO_LIES_USED
)
CENTRING_HELP = "What is taken off the read score before it meets what is said. " + " ".join(
    f"{name}: {about}." for name, about in CENTRINGS.items()
)


def main() -> None:
    """The page."""
    run = need_run_of_choices()
    if not {"honest", "lie"} <= set(run.settings["modes"]):
        st.info(
            "The lie score needs answers under honest and under lie: choose a run that has both, or harvest "
            "one on **Generate**. A run of flips can be named beside it."
        )
        return
    settings, flips = form(run)
    store, flip_run = session.run_store(), None if flips is None else flips.run
    report = known(run, settings, flip_run)
    if report is None:
        st.caption(WHY)
        left, right = st.columns([1, 4], vertical_alignment="center")
        if left.button("Score the answers", type="primary", width="stretch"):
            model_panel.start(work.LIE_SCORE, work.lie_score(store, run.run, settings, flip_run))
        right.caption(
            f"Each of {run.facts['layers']} layers, five-fold by groups, and for the choice of a layer once "
            "more within each fold: seconds for 200 questions. Another layer, rule or centring is then there "
            "at once."
        )
        session.watch_job(work.LIE_SCORE, about=run.run)
        return
    if report.scores.empty:
        st.info("In none of these answers was a choice said: without one there is no lie score.")
        return
    headline(run, flips, report)
    judgements(run, report, flip_run)
    distributions(run, report, flip_run)


def known(run: Run, settings: LieScoreSettings, flip_run: str | None) -> LieScoreReport | None:
    """The report where the answers were read before; made once, not at each drawing."""
    path = read_scores_path(session.run_store(), run.run, settings, flip_run)
    if not path.is_file():
        return None
    store = session.decision_store()
    standing = tuple(store.version(name) for name in (run.run, flip_run) if name)
    return _known(str(path), path.stat().st_mtime_ns, run.run, settings, flip_run, standing)


@st.cache_resource(max_entries=4, show_spinner="Scoring the answers …")
def _known(
    path: str, made: int, run: str, settings: LieScoreSettings, flip_run: str | None, standing: tuple
) -> LieScoreReport | None:
    return known_lie_score(session.run_store(), run, settings, flip_run)


def form(run: Run) -> tuple[LieScoreSettings, Run | None]:
    """How the score is made, and the run whose flips it is judged on."""
    columns = st.columns([2, 2, 2, 2, 4], vertical_alignment="bottom")
    positions = session.run_store().states(run.run).positions()
    position = in_address.selectbox(columns[0], "Position", positions, "position", key="lie position")
    layers = run.facts["layers"]
    layer = in_address.selectbox(
        columns[1],
        "Layer",
        [None, *range(layers)],
        "read-at",
        format_func=lambda n: "by the rule" if n is None else str(n),
        key=f"lie layer of {layers}",
    )
    usual = LieScoreSettings()
    rule = in_address.selectbox(
        columns[2],
        "Layer by",
        NO_LIES_USED,
        "rule",
        index=NO_LIES_USED.index(usual.rule),
        key="lie rule",
        help=RULE_HELP,
        disabled=layer is not None,
    )
    centring = in_address.selectbox(
        columns[3], "Centring", list(CENTRINGS), "centring", key="lie centring", help=CENTRING_HELP
    )
    with columns[4]:
        flips = flips_form(run)
    return LieScoreSettings(position, layer, rule, centring), flips


def flips_form(run: Run) -> Run | None:
    """The other run whose flips stand beside the lies; None for this run's own, or for none."""
    own = "flip" in run.settings["modes"]
    runs = session.run_store().runs()
    others = {r.run: r for r in runs if r.run != run.run and r.answers and may_give_flips(run, r)}
    if not others:
        if not own:
            st.caption(
                "No run has flips to judge lies against: harvest these questions with mode **flip** on "
                "**Generate**, with the same model and template."
            )
        return None
    neither = "this run" if own else "no run"
    chosen = in_address.selectbox(
        st,
        "Flips of",
        [None, *others],
        "flips",
        index=0 if own else 1,
        format_func=lambda r: neither if r is None else others[r].title,
        key=f"lie flips of {run.run}",
        help="Runs of the same model, template and source that were harvested with mode flip.",
    )
    return None if chosen is None else others[chosen]


def headline(run: Run, flips: Run | None, report: LieScoreReport) -> None:
    """The figures that matter most, one plain sentence from them, and what they stand on."""
    of = {judgement.name: judgement for judgement in report.judgements}
    for place, (name, label) in zip(st.columns(len(HEADLINE)), HEADLINE.items(), strict=True):
        judged = of[name]
        if judged.probe is None:
            place.metric(label, "–")
            place.caption("not judged")
            continue
        low, high = judged.probe.ci
        chance = " · cannot be told from chance" if judged.at_chance else ""
        place.metric(label, f"{judged.probe.auroc:.3f}")
        place.caption(
            f"95 %: {low:.3f} to {high:.3f} · n {judged.positive:,} against {judged.negative:,}{chance}"
        )
    st.markdown(f"#### {session.as_text(report.sentence)}")
    st.markdown(session.as_text(report.beside))
    stands_on(report)
    common = last_common_layer(run)
    if common is not None and min(report.layers) <= common:
        st.warning(
            f"Up to layer {common} the model cannot differ from the one that it was adapted from; read here: "
            f"{report.at_layers}."
        )
    for part in (run,) if flips is None else (run, flips):
        if part.state != "complete":
            st.warning(f"Run {part.run} is {part.state}: figures are of its {part.answers:,} answers so far.")


def stands_on(report: LieScoreReport) -> None:
    """What was read where, and what was left out."""
    s, scores = report.settings, report.scores
    counts = ", ".join(f"{n:,} {mode}" for mode, n in scores["mode"].value_counts(sort=False).items())
    how = "as named" if s.layer is not None else f"chosen for each fold by rule {s.rule}, no lies used"
    says = [
        f"n {counts} answers of {scores['group'].nunique():,} groups, each scored by a probe that saw "
        "nothing of its group.",
        f"Read at {report.at_layers}, {how}, at position {s.position}; centring {s.centring}: "
        f"{CENTRINGS[s.centring]}.",
    ]
    if s.centring == "single" and report.constant:
        says.append(
            "Honest answers have one choice order and one set of examples: here this is the same as none."
        )
    if left_out := ", ".join(f"{n:,} {mode}" for mode, n in report.no_choice.items() if n):
        says.append(f"Left out, as no choice was said: {left_out}.")
    if report.belief_unsure:
        says.append(
            "Answers under lie that are neither lies nor failed lies, as it is unsure what the model "
            f"believes: {report.belief_unsure:,}."
        )
    st.markdown(session.as_text(" ".join(says)))


def judgements(run: Run, report: LieScoreReport, flip_run: str | None) -> None:
    """What the score tells apart, beside the words alone."""
    figures = lie_charts.figures_of(report.judgements)
    st.markdown("**What it tells apart**, beside the same score from the question's words alone")
    drawn = lie_charts.told_apart(figures)
    chart_with_table.show(drawn, figures, "AUROC of each judgement of the lie score", "told apart", wide=True)
    st.caption(
        "Intervals are over groups of the answers judged, with the probes as they were fitted: they leave "
        "out what refitting would change, and are a little too narrow for that. The margin is of the two "
        "AUROCs on the same answers. " + WHY
    )
    st.dataframe(figures.drop(columns="name").round(3), hide_index=True)
    take_away("Figures as CSV", figures, f"lie-score-{run.run}.csv", command(run, report, flip_run))


def distributions(run: Run, report: LieScoreReport, flip_run: str | None) -> None:
    """How the score lies in each kind of answer, and in each cell of mode by right or false."""
    st.markdown("**The score of each kind of answer**")
    drawn = lie_charts.by_kind(report.scores)
    chart_with_table.show(drawn, report.scores, "lie score of each kind of answer", "kinds")
    st.caption(
        "A box holds the middle half, its whiskers reach from the 5th to the 95th percentile. A failed lie "
        "is what the model believes, said under lie; honest errors are untrue answers under honest, flips "
        "untrue answers under flip."
    )
    st.dataframe(cells(report.scores).round(3), hide_index=True)
    file = f"lie-scores-{run.run}.csv"
    take_away("Scores as CSV", report.scores, file, f"{command(run, report, flip_run)} --csv {file}")


def command(run: Run, report: LieScoreReport, flip_run: str | None) -> str:
    """What gives the same figures on the command line."""
    s = report.settings
    flips = "" if flip_run is None else f" --flip-run {flip_run}"
    layer = f"--layer-rule {s.rule}" if s.layer is None else f"--layer {s.layer}"
    return f"telltale lie-score {run.run}{flips} --position {s.position} {layer} --centring {s.centring}"


try:
    main()
except ProbeError as refused:
    st.error(session.as_text(refused))
