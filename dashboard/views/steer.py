"""Steer: whether a direction that can be read is also used when the model chooses what to say."""

import streamlit as st

from core.charts import steering as steer_charts
from core.engine.steer import HOW, WHERE
from core.errors import ProbeError
from core.probes.methods import ALL, METHODS
from core.probes.rows import TARGETS
from core.steering.figures import MEASURES
from core.steering.of_run import known_steering
from core.steering.outcome import PLACES, SteerOutcome
from core.steering.settings import ALPHAS, MOST_QUESTIONS, MOST_RANDOM, SteerSettings
from core.store.runs import Run
from dashboard import chart_with_table, in_address, model_panel, session, work
from dashboard.need_run import need_run_of_choices
from dashboard.take_away import take_away

WHY = (
    "A probe shows that something can be read from the states. It does not show that the model uses it. "
    "Here the run's test questions, which the probe never saw, are asked again while the direction is added "
    "to the states or taken out of them. It counts as used where that moves what is said further than 95 % "
    "of random directions of the same norm do, and further than a direction fitted on permuted labels."
)
DOES = {
    "add": "add alpha times the direction",
    "project": "project the direction out",
    "patch": "put the other mode's state in its place",
}
WHERE_HELP = (
    "At the last prompt token all that comes before it is computed once for all directions. With all prompt "
    "tokens every direction reads the whole prompt anew, which takes about 30 times as long."
)
METHOD_HELP = "\n\n".join(f"**{name}** {ALL[name].sentence}" for name in METHODS)


def main() -> None:
    """The page."""
    run = need_run_of_choices()
    settings = form(run)
    if settings is None:
        return
    store = session.run_store()
    found = known_steering(store, run.run, settings)
    if found is None:
        st.caption(WHY)
        left, right = st.columns([1, 4], vertical_alignment="center")
        if left.button("Steer", type="primary", width="stretch"):
            model_panel.start(work.STEERING, work.steer(store, run.run, settings))
        right.caption(session.as_text(expected(settings)))
        session.watch_job(work.STEERING, about=run.run)
        return
    headline(run, found)
    curves(found)
    alphas = f" --alpha {' '.join(f'{alpha:g}' for alpha in settings.alphas)}" if settings.alphas else ""
    take_away(
        "Figures as CSV",
        found.curves,
        f"steer-{run.run}-layer-{settings.layer}.csv",
        f"telltale steer {run.run} --layer {settings.layer} --how {settings.how} --positions "
        f"{settings.where}{alphas} --method {settings.method} --target {settings.target} --n {settings.n} "
        f"--random {settings.random}",
    )


def form(run: Run) -> SteerSettings | None:
    """What is done, where, with which direction; None where the alphas are no numbers."""
    first = st.columns([2, 2, 2], vertical_alignment="bottom")
    with first[0]:
        layer = session.layer_slider(run)
    how = in_address.selectbox(
        first[1], "What is done", HOW, "how", format_func=lambda name: DOES[name], key="steer how"
    )
    places = ("last",) if how == "patch" else WHERE
    where = in_address.selectbox(
        first[2],
        "Positions",
        places,
        "positions",
        format_func=lambda name: PLACES[name],
        key=f"steer where {how}",
        help=WHERE_HELP,
    )
    second = st.columns([1, 1, 2, 1, 1], vertical_alignment="bottom")
    target = in_address.selectbox(
        second[0], "Target", TARGETS, "target", key="steer target", disabled=how == "patch"
    )
    methods = [name for name in METHODS if ALL[name].targets is None or target in (ALL[name].targets or ())]
    method = in_address.selectbox(
        second[1],
        "Method",
        methods,
        "method",
        key=f"steer method {target}",
        help=METHOD_HELP,
        disabled=how == "patch",
    )
    typed = second[2].text_input(
        "Alphas",
        " ".join(f"{alpha:g}" for alpha in ALPHAS),
        key="steer alphas",
        disabled=how != "add",
        help="How much is added, in typical state norms of the layer: the mean length of its states at the "
        "last prompt token. 0 is always measured. With alphas on both sides of 0, what breaks the model "
        "whichever way it is pushed does not count as an effect.",
    )
    n = in_address.number_input(second[3], "Test questions", 1, MOST_QUESTIONS, 40, 10, "n", key="steer n")
    random = in_address.number_input(
        second[4], "Random directions", 0, MOST_RANDOM, 20, 5, "random", key="steer random"
    )
    try:
        alphas = tuple(float(part) for part in typed.replace(",", " ").split())
    except ValueError:
        st.error("Alphas are numbers with spaces between them, such as -1 -0.5 0.5 1.")
        return None
    return SteerSettings(
        layer=layer,
        how=how,
        where=where,
        alphas=alphas,
        method=method,
        target=target,
        n=n,
        random=random,
    )


def expected(settings: SteerSettings) -> str:
    """What the experiment asks, before it is begun."""
    return (
        f"Up to {settings.n} test questions in each mode, each under {settings.conditions} conditions: the "
        f"model as it is, and {len(settings.strengths)} strengths of the direction, of a control and of "
        f"{settings.random} random directions. With the defaults about two minutes on two cores."
    )


def headline(run: Run, found: SteerOutcome) -> None:
    """One plain sentence from the figures, and what they stand on."""
    st.markdown(f"#### {session.as_text(found.sentence())}")
    s = found.settings
    asked = ", ".join(f"{n:,} {mode}" for mode, n in found.prompts.items())
    unit = f" Alpha 1 adds a vector of length {found.norm:.1f}." if s.how == "add" else ""
    st.markdown(
        session.as_text(
            f"n {asked} answers to {found.questions:,} test questions.{unit} {found.cost()} Unsteered, "
            f"{found.agreed:,} of {sum(found.prompts.values()):,} answers say what they said in the run."
        )
    )
    if found.used is None:
        st.warning("Too few random directions to judge by: choose 19 or more.")
    if run.state != "complete":
        st.warning(f"Run {run.run} is {run.state}: figures are of its {run.answers:,} answers so far.")


def curves(found: SteerOutcome) -> None:
    """Each measure against alpha, with the random directions as a band."""
    there = [name for name in MEASURES if (found.curves["measure"] == name).any()]
    measure = in_address.selectbox(
        st, "Measure", there, "measure", format_func=lambda name: MEASURES[name], key="steer measure"
    )
    adds = found.settings.how == "add"
    drawn = steer_charts.against_alpha(found.lines(measure), found.band(measure), MEASURES[measure], adds)
    table = found.curves[found.curves["measure"] == measure].drop(columns="measure")
    chart_with_table.show(drawn, table, f"{MEASURES[measure]} by strength of the push", "steer curves")
    st.caption(WHY)
    if measure in ("log_odds", "outside"):
        st.caption("A mean over answers, with its 95 % interval over groups of questions.")


try:
    main()
except ProbeError as refused:
    st.error(session.as_text(refused))
