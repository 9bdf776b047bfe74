"""Generate: choose questions, prompt and modes, start, and watch the answers arrive; or ask one thing."""

import os
from typing import Any

import pandas as pd
import streamlit as st

from core import charts
from core.beliefs import BASES
from core.best_of import best_of_summary
from core.jobs import JOBS
from core.labels import before_outcome_pruning, belief_summary, mode_summary
from core.open_answers import not_judged
from core.open_summary import outcome_table
from core.store.runs import Run
from dashboard import ask, chart_with_table, disk_warning, first_steps, model_panel, session, work
from dashboard.answer_table import answer_rows
from dashboard.harvest_form import harvest_form

ROWS = 200
CLUSTER = "RAY_ADDRESS"
"""Ray's own variable: where a cluster is."""


def main() -> None:
    """The page."""
    if model_panel.missing():
        model_panel.offer_fetch()
        return
    first_steps.show()
    left, right = st.columns([2, 3], gap="large")
    with left:
        settings = harvest_form(model_panel.chosen())
        if settings:
            disk_warning.show(settings)
        cluster = os.environ.get(CLUSTER, "")
        on_cluster = bool(cluster) and st.toggle(
            "On the Ray cluster",
            key="on cluster",
            help=f"At {session.as_text(cluster)}, as {CLUSTER} says. The run is the same as one made here.",
        )
        if settings and st.button(
            "Start", type="primary", width="stretch", help="Ctrl+Enter", shortcut="Ctrl+Enter"
        ):
            st.session_state["follow"] = True
            store = session.run_store()
            model_panel.start(
                work.HARVEST,
                work.harvest_on_cluster(settings, store, cluster)
                if on_cluster
                else work.harvest(settings, store),
            )
            del st.session_state["follow"]  # reached only where another job runs and this was refused
    with right:
        session.watch_job(work.HARVEST)
        live()
    st.divider()
    ask.show(settings)


def live() -> None:
    """The run's numbers and newest answers; redrawn by itself while it grows."""
    growing = (job := JOBS.get(work.HARVEST)) is not None and job.state.running
    st.fragment(session.shows_refusals(_live), run_every=1.5 if growing else None)()


def _live() -> None:
    session.follow_new_run()
    run = session.chosen_run()
    if run is None:
        st.info("Nothing to see yet. Choose what to ask on the left and press **Start**.")
        return
    frame = session.answers(run)
    st.markdown(f"**{session.as_text(run.title)}** · {run.answers:,} of {run.planned:,} answers")
    if run.state == "interrupted":
        st.warning(
            f"Interrupted at {run.answers:,} of {run.planned:,}: **Start** with the same settings goes on "
            "from here."
        )
    if not_judged(frame).any():
        st.caption("Ordinary conversation: no answer is right or wrong, and none is judged.")
        newest_open(frame)
        return
    numbers(frame)
    if (table := outcome_table(frame)) is not None:
        chart_with_table.show(charts.outcomes(table), table, "outcomes of the answers by mode", "outcomes")
        newest_open(frame)
    else:
        newest(run, frame)


RATES = {
    "Honest accuracy": "Share of readable honest answers that say the truth.",
    "Untrue under lie": "Share of readable answers under the lie instruction that say what is not true.",
    "Lies": "Share of lie-mode answers that contradict what the model itself says under honest. An error is "
    "not a lie.",
    "Accuracy uninstructed": "Share of readable answers without any instruction that say the truth.",
}


def numbers(frame: pd.DataFrame) -> None:
    """Honest accuracy and lie rate with their intervals, and how much could be read."""
    honest, lie, none = (mode_summary(frame, mode) for mode in ("honest", "lie", "none"))
    unread = "no readable answers"
    not_honest = unread if honest["n"] else "nothing was asked under honest"
    not_lie = unread if lie["n"] else "nothing was asked under lie"
    no_belief = "no honest answers to compare with" if lie["n"] else not_lie
    as_told, lies = ("as_instructed", "ci", "readable"), ("lies", "lies_ci", "lies_n")
    shown = [
        ("Honest accuracy", honest, as_told, not_honest),
        ("Untrue under lie", lie, as_told, not_lie),
        ("Lies", lie, lies, no_belief),
    ]
    if none["n"]:
        shown.append(("Accuracy uninstructed", none, as_told, unread))
    cells = st.columns(len(shown) + 1)
    for cell, (name, found, keys, nothing) in zip(cells, shown, strict=False):
        value, ci, n = (found[key] for key in keys)
        cell.metric(name, "–" if value is None else f"{value:.0%}", help=RATES[name])
        cell.caption(nothing if ci is None else f"95 %: {ci[0]:.0%} to {ci[1]:.0%} · n {n:,}")
        value, ci, n = (found["known"][key] for key in keys)
        if ci is not None:
            cell.caption(f"known: {value:.0%} · 95 %: {ci[0]:.0%} to {ci[1]:.0%} · n {n:,}")
    said = int(frame["said"].notna().sum())
    cells[-1].metric(
        "Named one answer" if "outcome" in frame else "Gave a choice",
        f"{said / len(frame):.0%}" if len(frame) else "–",
        help="Answers whose emitted tokens hold exactly one choice, or name one answer to an open question. "
        "The others count nowhere else here.",
    )
    cells[-1].caption(f"{said:,} of {len(frame):,} answers")
    if (chosen := best_of_summary(frame)) is not None:
        st.caption(chosen.sentence())
    if (found := belief_summary(frame))["knows"] is not None:
        low, high = found["ci"]
        chance = "" if found["chance"] is None else f"; by chance {found['chance']:.0%}"
        st.caption(
            f"Knows {found['knows']:.0%} of the questions (95 %: {low:.0%} to {high:.0%} · n {found['n']:,}"
            f"{chance}): {BASES[found['basis']]}. *Known* are answers to those alone; "
            "under honest they are right by construction."
        )
    if dropped := int((~before_outcome_pruning(frame)).sum()):
        st.caption(f"{dropped:,} answers dropped for quality are left out of these rates.")


def newest_open(frame: pd.DataFrame) -> None:
    """The newest open answers first."""
    columns = ["text", "mode", "generated", "named", "outcome", "verdict"]
    part = frame.tail(ROWS).iloc[::-1][columns].rename(columns={"text": "question"})
    st.dataframe(part, hide_index=True, height=420)
    if len(frame) > ROWS:
        st.caption(f"The newest {ROWS} of {len(frame):,} answers; the Prune page lists all.")


def newest(run: Run, frame: pd.DataFrame) -> None:
    """The newest answers first."""
    if frame.empty:
        st.caption("The first answers arrive with the first block.")
        return
    names = run.facts["choices"]
    part = frame.tail(ROWS).iloc[::-1]
    table = answer_rows(run, part).drop(columns="answer")
    table[f"P({names[1]})"], table[f"P({names[0]})"] = part["p_1"], part["p_0"]
    table["outside"] = part["outside"]
    table["leans"] = ["–" if pd.isna(value) else names[int(value)] for value in part["leans_calibrated"]]
    table["generated"] = part["generated"]
    columns: dict[str, Any] = {
        name: st.column_config.ProgressColumn(name, format="%.2f", min_value=0.0, max_value=1.0)
        for name in (*(f"P({choice})" for choice in names), "outside")
    }
    columns["question"] = st.column_config.TextColumn("question", width=230)
    columns["leans"] = st.column_config.TextColumn(
        "leans", help="Where the first token's probability lies after calibration. Not what was said."
    )
    st.dataframe(table, hide_index=True, column_config=columns, height=420)
    if len(frame) > ROWS:
        st.caption(f"The newest {ROWS} of {len(frame):,} answers; the Prune page lists all.")


main()
