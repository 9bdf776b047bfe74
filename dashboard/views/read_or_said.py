"""Read or said: whether the honest-trained direction follows what was read or goes with what is said."""

import pandas as pd
import streamlit as st

from core.charts import read_or_said as read_charts
from core.errors import ProbeError
from core.probes.read_or_said import MOST_RESAMPLES, ReadOrSaid
from core.probes.read_or_said_of_run import RESAMPLES, known_read_or_said, last_common_layer
from core.store.runs import Run
from dashboard import chart_with_table, in_address, model_panel, session, work
from dashboard.need_run import need_run_of_choices
from dashboard.take_away import take_away

WHY = (
    "In honest answers the truth and the choice given are nearly the same labels: a direction trained on "
    "them may follow either. Under lie the two part. Its score over both modes is regressed on both (β, "
    "standardised): the curve shows which of the two the *direction* follows, not what a layer still holds."
)


def main() -> None:
    """The page."""
    run = need_run_of_choices()
    position, resamples, beside = form(run)
    store = session.run_store()
    found = known_read_or_said(store, run.run, position, resamples)
    if found is None:
        st.caption(WHY)
        left, right = st.columns([1, 4], vertical_alignment="center")
        if left.button("Follow the direction", type="primary", width="stretch"):
            task = work.read_or_said(store, run.run, position, resamples)
            model_panel.start(work.READ_OR_SAID, task)
        right.caption(
            f"Each of {run.facts['layers']} layers, five-fold by groups, and {resamples} resamples of the "
            "groups that fit every probe anew: about 20 seconds for 200 questions."
        )
        session.watch_job(work.READ_OR_SAID, about=run.run)
        return
    common = last_common_layer(run)
    other = None
    if beside is not None:
        other = known_read_or_said(store, beside.run, position, resamples)
        if other is None:
            left, right = st.columns([1, 4], vertical_alignment="center")
            if left.button("Compute the curve beside it", width="stretch"):
                task = work.read_or_said(store, beside.run, position, resamples)
                model_panel.start(work.READ_OR_SAID, task)
            right.caption(session.as_text(f"Of {beside.title}, to be drawn beside this run's."))
            session.watch_job(work.READ_OR_SAID, about=beside.run)
    headline(run, found, common)
    curves(run, found, beside if other else None, other, common)
    cells(session.answers(run))
    take_away(
        "Figures as CSV",
        found.to_frame(),
        f"read-or-said-{run.run}-{position}.csv",
        f"telltale read-or-said {run.run} --position {position} --resamples {resamples}",
    )


def form(run: Run) -> tuple[str, int, Run | None]:
    """Position, resamples, and the run whose curve is drawn beside this one's."""
    store = session.run_store()
    columns = st.columns([2, 1, 4], vertical_alignment="bottom")
    positions = store.states(run.run).positions()
    position = in_address.selectbox(columns[0], "Position", positions, "position", key="read position")
    resamples = in_address.number_input(
        columns[1], "Resamples", 20, MOST_RESAMPLES, RESAMPLES, 20, "resamples", key="read resamples"
    )
    others = {
        r.run: r
        for r in store.runs()
        if r.run != run.run
        and r.answers
        and not r.facts.get("open")
        and r.facts["layers"] == run.facts["layers"]
        and {"honest", "lie"} <= set(r.settings["modes"])
    }
    plain = [r for r in others.values() if r.facts["adapter"] is None and same_questions(r, run)]
    chosen = in_address.selectbox(
        columns[2],
        "Beside",
        [None, *others],
        "beside",
        index=1 + list(others).index(plain[0].run) if plain and run.facts["adapter"] is not None else 0,
        format_func=lambda r: "no other run" if r is None else others[r].title,
        key=f"read beside {run.run}",
        help="The plain model's run of the same questions shows what the adapter changed.",
    )
    return position, resamples, None if chosen is None else others[chosen]


def same_questions(one: Run, other: Run) -> bool:
    """Whether two runs drew questions from one source in one way, and asked by one template."""
    return one.asks_alike(other) and one.settings["template"] == other.settings["template"]


def headline(run: Run, found: ReadOrSaid, common: int | None) -> None:
    """One plain sentence from the figures, and what they stand on."""
    st.markdown(f"#### {session.as_text(found.sentence(common))}")
    last = found.layers[-1]
    held = ""
    if last.truth is not None:
        low, high = last.truth.ci
        held = (
            " What the direction follows is not all that a layer holds: a probe trained on both modes reads "
            f"the truth at layer {last.layer} with AUROC {last.truth.auroc:.2f} ({low:.2f} to {high:.2f})."
        )
    st.markdown(
        f"n {found.n['honest']:,} honest and {found.n['lie']:,} lie answers of {found.groups:,} groups; each "
        "answer scored by a probe that saw nothing of its group; intervals from "
        f"{found.resamples} resamples of the groups that fit every probe anew.{held}"
    )
    if run.state != "complete":
        st.warning(f"Run {run.run} is {run.state}: figures are of its {run.answers:,} answers so far.")


def curves(
    run: Run, found: ReadOrSaid, beside: Run | None, other: ReadOrSaid | None, common: int | None
) -> None:
    """What the direction follows; and what can be read."""
    layers = found.to_frame()
    if found.crossover is not None:
        st.markdown("**What the direction follows**")
        turn = found.crossover
        drawn = read_charts.follows(layers, turn.layer, turn.ci, common)
        betas = layers[["layer", *(name for name in layers if name.startswith("beta"))]]
        chart_with_table.show(drawn, betas, "what the direction follows, by layer", "follows")
        st.caption(WHY)
    st.markdown("**What can be read**, on answers that the probe never saw")
    name = "" if beside is None else str(beside.facts["model"])
    drawn = read_charts.readable(layers, None if other is None else other.to_frame(), name, common)
    table = layers.assign(run=run.run)
    if beside is not None and other is not None:
        table = pd.concat([table, other.to_frame().assign(run=beside.run)])
    chart_with_table.show(drawn, table, "AUROC of what can be read, by layer", "readable")
    if not layers["said_lens"].notna().any() and not layers["truth_lens"].notna().any():
        st.caption(
            "No logit lens: it needs a position at which the choice comes next (prompt, before), choices of "
            "one token, and the model as it was at the harvest."
        )


def cells(frame: pd.DataFrame) -> None:
    """How many answers of each mode said the truth."""
    here = frame[frame["mode"].isin(("honest", "lie")) & ~frame["dropped"]]
    names = here["said_true"].map({1.0: "said the truth", 0.0: "said the untrue"}).fillna("said no choice")
    order = [
        name for name in ("said the truth", "said the untrue", "said no choice") if (names == name).any()
    ]
    table = pd.crosstab(here["mode"], names)[order].rename_axis("mode").reset_index()
    st.markdown("**The answers behind it**")
    st.dataframe(table, hide_index=True, width=520)


try:
    main()
except ProbeError as refused:
    st.error(session.as_text(refused))
