"""Prune: throw out bad answers by rule or by hand, with a reason for each, and see what that does."""

import streamlit as st

from core.answer_list import AnswerList
from core.beliefs import BASES
from core.store.runs import Run
from dashboard import in_address, session
from dashboard.fitted_probe import fitted
from dashboard.need_run import need_answered_run
from dashboard.prune_effect import effect
from dashboard.prune_people import people
from dashboard.prune_queue import queue
from dashboard.prune_rules import rules
from dashboard.prune_table import table

SECTIONS = ("Rules", "Queue", "All answers", "Before and after", "People and trail")


def main() -> None:
    """The page."""
    run = need_answered_run()
    with st.spinner("Reading the answers …"):
        listed = session.answer_list(run)
    numbers(run, listed)
    cells = st.columns([6, 2, 2], vertical_alignment="bottom")
    section = in_address.segmented_control(
        cells[0],
        "Part of the page",
        SECTIONS,
        "part",
        default="Queue",
        required=True,
        key="prune_section",
        label_visibility="collapsed",
    )
    scores_shown = cells[1].toggle(
        "Show probe scores",
        key="prune_scores",
        help="Each decision remembers whether they were on screen; drops made then reach training data only.",
    )
    with cells[2].popover("Name and margin", width="stretch"):
        signing(run)
    if scores_shown and fitted(run) is None:
        st.caption("No probe has been fitted to this run yet: the Probes page does that.")
        scores_shown = False
    if section == "Rules":
        rules(run, session.answers(run), scores_shown)
    elif section == "All answers":
        table(run, listed, scores_shown)
    elif section == "Before and after":
        effect(run, session.answers(run))
    elif section == "People and trail":
        people(run, session.answers(run))
    else:
        queue(run, listed, scores_shown)


def numbers(run: Run, listed: AnswerList) -> None:
    """What is left, and what the model knows."""
    stands = listed.decided()
    kept = stands.answers - stands.dropped - stands.dropped_outcome
    cells = st.columns([1, 1, 1, 1, 2])
    cells[0].metric("Kept", f"{kept:,}", help="Everything that was not dropped.")
    cells[1].metric("Dropped", f"{stands.dropped:,}", help="From training and test data.")
    cells[2].metric(
        "Dropped in training only",
        f"{stands.dropped_outcome:,}",
        help="For the outcome, from the projection, or with scores on screen. Pruning on what is measured "
        "would make the measure: test data keep them.",
    )
    cells[3].metric("Unsure", f"{stands.unsure:,}", help="Marked as unsure: stands, and changes nothing.")
    found = listed.beliefs
    if found["knows"] is None:
        cells[4].metric("Knows", "–")
        cells[4].caption("Nothing was asked under honest: what the model believes is not known.")
        return
    low, high = found["ci"]
    cells[4].metric(
        "Knows",
        f"{found['knows']:.0%}",
        help="Share of the questions on which what the model believes is the truth. By chance: the same "
        "share with the labels permuted over the questions, an exact mean.",
    )
    margin = session.decision_store().margin(run.run)
    cells[4].caption(
        f"95 %: {low:.0%} to {high:.0%} · n {found['n']:,} questions · by chance {found['chance']:.0%} · "
        f"{BASES[found['basis']]}, margin {margin:.2f}"
    )


def signing(run: Run) -> None:
    """Who decides, and how much of its honest answers a belief needs."""
    st.text_input("Decisions are signed", session.default_who(), key="who", persist_state="session")
    store = session.decision_store()
    margin = store.margin(run.run)
    key = f"margin {run.run} {margin}"
    st.number_input(
        "Margin of belief",
        0.51,
        1.0,
        margin,
        0.01,
        key=key,
        on_change=lambda: store.set_margin(run.run, st.session_state[key]),
        help="The share of its readable honest answers to a question that a choice needs to be believed. "
        "Kept with the run, for every page and command.",
    )


main()
