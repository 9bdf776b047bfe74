"""All answers that fit the filters, a page at a time, to be decided in bulk; only that page is read."""

import joblib
import streamlit as st

from core.answer_list import ORDERS, AnswerList, Filter
from core.store.runs import Run
from dashboard import in_address
from dashboard.answer_table import answer_rows
from dashboard.fitted_probe import scores_of
from dashboard.prune_filters import filters
from dashboard.pruning import decide, record, show_refusal, undo_redo

PAGE = 500


def table(run: Run, listed: AnswerList, scores_shown: bool) -> None:
    """The list; rows are chosen on it."""
    _, wanted = filters(listed, "table")
    show_refusal()
    count = listed.count(wanted)
    if not count:
        st.info("No answer fits these filters.")
        undo_redo(run, *st.columns([1, 1, 6])[:2])
        return
    page, order = _place(count)
    rows = listed.page(wanted, (page - 1) * PAGE, PAGE, order)
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
    cells = st.columns([6, 4, 4, 4, 3, 3], vertical_alignment="bottom")
    decide(run, chosen, cells, "chosen", scores_shown, "table")
    reason = st.session_state["reason chosen"]
    cells[3].button(
        f"Drop all {count:,}",
        on_click=_drop_all,
        args=(run.run, listed, wanted, reason, scores_shown),
        disabled=reason is None,
        help="All that are listed, on every page, for the reason chosen on the left.",
        width="stretch",
    )
    undo_redo(run, cells[4], cells[5])


def _place(count: int) -> tuple[int, str]:
    """Which page of a list is shown, from 1 on, and its order."""
    pages = -(-count // PAGE)
    cells = st.columns([2, 1, 4], vertical_alignment="bottom")
    order = in_address.selectbox(cells[0], "Order by", list(ORDERS), "table-order", key="table_order")
    if pages == 1:
        return 1, order
    page = in_address.number_input(
        cells[1], f"Page of {pages:,}", 1, pages, 1, 1, "table-page", key="prune_page"
    )
    return page, order


def _drop_all(run: str, listed: AnswerList, wanted: Filter, reason: str, scores_shown: bool) -> None:
    record(run, listed.answers(wanted), "drop", reason, scores_shown, "table")
