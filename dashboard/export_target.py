"""Where an export goes, the button that has it written, and what became of it."""

import shlex
from pathlib import Path

import pandas as pd
import streamlit as st

from core.store.runs import Run
from dashboard import exchange_work, in_address, model_panel, session
from dashboard.exchange_work import EXPORT, TakenOut, Write
from dashboard.served_here import served_here

FOLDER, DOWNLOAD = "folder", "download"
SAID = {FOLDER: "A folder on the machine that Telltale runs on", DOWNLOAD: "A download (zip)"}
LARGEST_DOWNLOAD = 1 << 30
"""Bytes: a download is held in memory while a browser takes it."""


def show(name: str, write: Write, size: int, command: str, run: Run | None = None) -> None:
    """Ask where to, and have it written.

    Args:
        name: of the folder, by default and within a download.
        write: what writes it.
        size: about how many bytes it will have.
        command: that does the same, but for the folder, which is its last word.
        run: that it is of; None where it is of none.
    """
    to = DOWNLOAD
    if served_here():
        to = in_address.segmented_control(
            st, "Where to", (FOLDER, DOWNLOAD), "to", key="export to", default=FOLDER, format_func=SAID.get
        )
    target = None
    if to == FOLDER:
        typed = st.text_input(
            "New folder",
            f"~/{name}",
            key=f"export folder {name}",
            help="It must not be there yet: nothing is written over.",
        ).strip()
        target = Path(typed) if typed else None
        st.code(f"{command} {_in_shell(typed)}", language="bash", wrap_lines=True)
    elif size > LARGEST_DOWNLOAD:
        st.warning(f"This is about {size / 1e9:,.1f} GB, too large for a download: use the command.")
        st.code(f"{command} FOLDER", language="bash", wrap_lines=True)
        return
    ready = to == DOWNLOAD or target is not None
    if st.button("Write it", type="primary", disabled=not ready):
        store = session.run_store()
        task = exchange_work.take_out(store, None if run is None else run.run, name, write, target)
        model_panel.start(EXPORT, task)


def _in_shell(folder: str) -> str:
    """A folder as a word of a command, its `~` left for the shell to expand."""
    if folder.startswith("~/"):
        return f"~/{shlex.quote(folder[2:])}"
    return shlex.quote(folder) if folder else "FOLDER"


def outcome(run: Run) -> None:
    """How far this session's export of a run, or of what is of none, is; or what it wrote."""
    session.watch_job(EXPORT)
    job = session.own_job(EXPORT)
    if job is None or job.state.result is None or job.state.about not in (None, run.run):
        return
    made: TakenOut = job.state.result
    if made.zip is None:
        st.success(session.as_text(f"Written to {made.place}."))
    else:
        st.download_button(
            f"Download {made.place.name}",
            made.zip.read_bytes,
            made.place.name,
            "application/zip",
            on_click="ignore",
            type="primary",
            icon=":material/download:",
        )
    sizes = pd.DataFrame(made.files, columns=["file", "kB"]).assign(kB=lambda table: table["kB"] / 1e3)
    st.dataframe(
        sizes,
        hide_index=True,
        width="content",
        column_config={"kB": st.column_config.NumberColumn(format="%,.1f")},
        alt="The files that were written",
    )
