"""What can be done with the runs that are chosen in the table of all: open, remark on, compare, delete."""

import streamlit as st

from core.errors import TelltaleError
from core.store.remarks import LONGEST_NOTE, RemarkStore
from dashboard import session

TO_DELETE, DELETED = "runs to delete", "runs deleted"


def show(runs: list[str]) -> None:
    """Draw what fits the number of chosen runs.

    Args:
        runs: their ids.
    """
    _undo()
    if not runs:
        st.caption(
            "Choose rows by the boxes at their left: one to open, tag or delete it, two to compare them."
        )
        st.session_state.pop(TO_DELETE, None)
        return
    cells = st.columns([2, 2, 2, 4], vertical_alignment="center")
    if len(runs) == 1:
        if cells[0].button(
            "Open run",
            type="primary",
            width="stretch",
            help="Every page looks at it; Prune shows its answers.",
        ):
            session.choose_run(runs[0])
            st.switch_page("views/prune.py")
        if cells[1].button("Before and after pruning", width="stretch"):
            compare(runs[0], runs[0])
    elif len(runs) == 2:
        if cells[0].button("Compare", type="primary", width="stretch"):
            compare(*runs)
        cells[3].caption("The upper one of the table minus the lower one.")
    if cells[2 if len(runs) == 1 else 1].button("Move to the trash", width="stretch"):
        st.session_state[TO_DELETE] = runs
    if st.session_state.get(TO_DELETE) == runs:
        _confirm(runs)
    if len(runs) == 1:
        _remarks(runs[0])


def compare(run: str, other: str) -> None:
    """Open the page that compares two runs."""
    session.choose_run(run)
    st.switch_page("views/compare.py", query_params={"run": run, "other": other})


def _confirm(runs: list[str]) -> None:
    """Ask once more, and move them."""
    what = f"run {session.as_text(runs[0])}" if len(runs) == 1 else f"these {len(runs)} runs"
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"Move {what} to the trash? Decisions, tags and notes are kept.")
        if st.button("Yes, move", type="primary"):
            _delete(runs)
        if st.button("Keep"):
            del st.session_state[TO_DELETE]
            st.rerun()


def _delete(runs: list[str]) -> None:
    del st.session_state[TO_DELETE]
    moved = st.session_state[DELETED] = []
    try:
        with st.spinner("Moving to the trash …"):
            for run in runs:
                session.run_store().delete(run)
                moved.append(run)
    except TelltaleError as refused:
        session.show_refusal(refused)
        return
    st.rerun()


def _undo() -> None:
    """Say what was moved last, with a button that takes it back."""
    moved = st.session_state.get(DELETED)
    if not moved:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"{session.as_text(', '.join(moved))} {'is' if len(moved) == 1 else 'are'} in the trash.")
        if st.button("Undo", type="primary"):
            del st.session_state[DELETED]
            with st.spinner("Taking back …"):
                for run in moved:
                    session.run_store().restore(run)
            st.rerun()
        if st.button("Leave there"):
            del st.session_state[DELETED]
            st.rerun()


def _remarks(run: str) -> None:
    """The chosen run's tags and note, to be changed."""
    store = RemarkStore(session.cache())
    known = store.of(run)
    with st.form(f"remarks on {run}", border=True):
        left, right = st.columns([1, 2])
        tags = left.text_input("Tags", " ".join(known.tags), help="Single words with blanks between them.")
        note = right.text_area("Note", known.note, max_chars=LONGEST_NOTE, height=68)
        if not left.form_submit_button("Save tags and note"):
            return
    try:
        store.put(run, tags.split(), note)
    except TelltaleError as refused:
        session.show_refusal(refused)
        return
    st.rerun()
