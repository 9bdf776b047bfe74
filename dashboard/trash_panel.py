"""The trash under the table of runs: what is in it, taking a run back, and emptying it for good."""

from collections.abc import Callable

import streamlit as st

from core.all_runs import trashed_runs
from core.errors import TelltaleError
from core.store.folder_sizes import SIZES
from core.store.trash import Trash
from dashboard import session

TALLEST, HEAD, ROW = 300, 38, 35
"""Pixels: of the table at most, of its head, of a row."""
WORD = "empty"
"""What is typed to empty it."""


def show() -> None:
    """Draw it."""
    table = trashed_runs(session.cache())
    if table.empty:
        st.markdown("##### The trash is empty")
        st.caption("Runs that are deleted lie here until it is emptied.")
        return
    megabytes = [None if size is None else size / 1e6 for size in sizes()]
    whole = "" if None in megabytes else f", {sum(filter(None, megabytes)):,.1f} MB"
    st.markdown(f"##### Trash: {len(table):,} {'run' if len(table) == 1 else 'runs'}{whole}")
    shown = table.drop(columns="name").assign(MB=megabytes, deleted=table["deleted"].str.replace("T", " "))
    number = st.column_config.NumberColumn(format="%,.1f")
    st.dataframe(
        shown,
        hide_index=True,
        column_config={"MB": number},
        placeholder="…",
        height=min(TALLEST, HEAD + ROW * len(shown)),
        alt="Runs in the trash",
    )
    titles = {
        row.name: f"{row.source} · {row.template} · {row.model} · {row.run[:6]}, deleted {row.deleted}"
        for row in table.itertuples(index=False)
    }
    pick, restore, word, empty = st.columns([4, 1, 3, 2], vertical_alignment="bottom")
    name = pick.selectbox("Take back", list(titles), format_func=titles.__getitem__, key="trashed run")
    if restore.button("Restore", width="stretch"):
        _do(lambda: f"Run {session.run_store().restore(name)} is back.")
    typed = word.text_input(f"Type “{WORD}” to delete all of it for good", key="empty the trash")
    if empty.button("Empty the trash", disabled=typed.strip().lower() != WORD, width="stretch"):
        _do(lambda: f"The trash is empty: {Trash(session.cache()).empty() / 1e6:,.0f} MB freed.")


def sizes() -> list[int | None]:
    """The bytes of each entry; None where they are not measured yet."""
    return [SIZES.of(entry.folder, "in the trash") for entry in Trash(session.cache()).entries()]


def _do(what: Callable[[], str]) -> None:
    """Do it, keep its sentence for the next drawing, and draw the page anew; a refusal is shown at once."""
    try:
        with st.spinner("Working on the trash …"):
            st.session_state["told of runs"] = what()
    except TelltaleError as refused:
        session.show_refusal(refused)
        return
    st.rerun()
