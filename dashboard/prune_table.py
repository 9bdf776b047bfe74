"""All answers that fit the filters, a page at a time, to be decided in bulk."""

import joblib
import pandas as pd
import streamlit as st

from core.store.runs import Run
from dashboard import session
from dashboard.answer_table import answer_rows
from dashboard.fitted_probe import scores_of
from dashboard.prune_filters import filters
from dashboard.pruning import decide, record, show_refusal, undo_redo

PAGE = 500


def table(run: Run, frame: pd.DataFrame, scores_shown: bool) -> None:
    """The list; rows are chosen on it."""
    mine = session.decision_store().by_person(run.run).get(session.who(), {})
    part, is_open = filters(frame, mine, "table")
    part = part[is_open]
    show_refusal()
    if part.empty:
        st.info("No answer fits these filters.")
        undo_redo(run, *st.columns([1, 1, 6])[:2])
        return
    pages = -(-len(part) // PAGE)
    page = st.number_input(f"Page of {pages}", 1, pages, 1, key="prune_page") if pages > 1 else 1
    rows = part.iloc[(page - 1) * PAGE : page * PAGE]
    shown = answer_rows(run, rows)
    shown = shown.assign(
        **{"suggested because": rows["flag"], "decision": rows["action"], "reason": rows["reason"]}
    )
    if scores_shown and (scores := scores_of(run, rows)) is not None:
        shown["probe score"] = scores.round(2)
    # Streamlit keeps the chosen places, not the answers in them: another list is another table.
    key = f"prune_table {run.run} {joblib.hash(rows['answer'].tolist())}"
    state = st.dataframe(
        shown, hide_index=True, height=560, key=key, on_select="rerun", selection_mode="multi-row"
    )
    chosen = [int(rows["answer"].iloc[n]) for n in state["selection"]["rows"] if n < len(rows)]
    cells = st.columns([3, 2, 2, 2, 1, 1], vertical_alignment="bottom")
    decide(run, chosen, cells, "chosen", scores_shown, "table")
    reason = st.session_state["reason chosen"]
    cells[3].button(
        f"Drop all {len(part):,}",
        on_click=record,
        args=(run.run, [int(answer) for answer in part["answer"]], "drop", reason, scores_shown, "table"),
        disabled=reason is None,
        help="All that are listed, on every page, for the reason chosen on the left.",
        width="stretch",
    )
    undo_redo(run, cells[4], cells[5])
