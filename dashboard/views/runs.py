"""Runs: all of them in one table, to search, tag, open, compare and delete; the trash below it."""

import joblib
import pandas as pd
import streamlit as st

from core.all_runs import all_runs, matching
from core.store.folder_sizes import SIZES
from core.store.record import run_folder
from dashboard import run_actions, session, trash_panel

TALLEST, HEAD, ROW = 560, 38, 35
"""Pixels: of the table at most, of its head, of a row."""
SHOWN = (
    *("run", "source", "template", "modes", "model", "adapter", "tags", "note", "state"),
    *("answers", "planned", "MB", "started"),
)
COLUMNS = {
    "answers": st.column_config.NumberColumn(format="%,d"),
    "planned": st.column_config.NumberColumn(format="%,d"),
    "MB": st.column_config.NumberColumn(format="%,.1f", help="States and journal, on this machine's disk."),
    "started": st.column_config.TextColumn("started (UTC)"),
}


def main() -> None:
    """The page."""
    if told := st.session_state.pop("told of runs", None):
        st.success(session.as_text(told))
    runs = all_runs(session.run_store())
    if runs.empty:
        st.info("There is no run yet. Start one on the **Generate** page: 200 movie reviews take a minute.")
        if st.button("Go to Generate", type="primary"):
            st.switch_page("views/generate.py")
        run_actions.show([])
    else:
        run_actions.show(table(runs))
    st.divider()
    trash_panel.show()
    if None in sizes_of(runs) or None in trash_panel.sizes():
        measuring()


def table(runs: pd.DataFrame) -> list[str]:
    """The table with its search; gives the runs that are chosen in it."""
    text = st.text_input(
        "Search",
        key="search runs",
        placeholder="words of the model, source, template, tags or note",
        help="Runs in which every word is found, in capitals or not.",
    )
    found = matching(runs, text)
    sizes = [None if size is None else size / 1e6 for size in sizes_of(found)]
    whole = "" if None in sizes else f", {sum(filter(None, sizes)):,.1f} MB"
    among = f"{len(found):,} of " if len(found) < len(runs) else ""
    count = f"{among}{len(runs):,} {'run' if len(runs) == 1 else 'runs'}"
    st.caption(f"{count}: {found['answers'].sum():,} answers{whole}.")
    if found.empty:
        st.info("No run holds all of these words.")
        return []
    shown = found.assign(MB=sizes, started=found["started"].str[:16].str.replace("T", " "))
    # Streamlit keeps the chosen places, not the runs in them: another list is another table.
    state = st.dataframe(
        shown,
        column_order=SHOWN,
        hide_index=True,
        height=min(TALLEST, HEAD + ROW * len(shown)),
        column_config=COLUMNS,
        placeholder="…",
        key=f"runs {joblib.hash(found['run'].tolist())}",
        on_select="rerun",
        selection_mode="multi-row",
        alt="All runs, one a row",
    )
    return [found["run"].iloc[place] for place in sorted(state["selection"]["rows"]) if place < len(found)]


def sizes_of(runs: pd.DataFrame) -> list[int | None]:
    """The bytes of each run's folder; None where they are not measured yet."""
    return [SIZES.of(run_folder(session.cache(), r.run), (r.answers, r.state)) for r in runs.itertuples()]


@st.fragment(run_every=1.5)
def measuring() -> None:
    """Say how many folders are still to be measured; draw the page anew when all are."""
    if not (left := SIZES.left):
        st.rerun()
    st.caption(f"Disk use is being measured: {left:,} folders are left.")


main()
