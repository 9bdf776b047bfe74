"""The sidebar's report of the chosen run: written in the background, then there to be downloaded.

How far it is stands where the sidebar shows all work in hand.
"""

import streamlit as st

from core.jobs import JOBS, Job
from core.store.runs import Run
from dashboard import model_panel, session, work

HELP = (
    "One HTML file that opens without a network: settings, methods with citations, every figure that was "
    "computed with its interval, to be saved as PNG or SVG, answers to read, the pruning trail. Nothing is "
    "judged for it."
)


def show(run: Run) -> None:
    """A button that has the report written; a way to stop that; and the file."""
    if not run.answers:
        return
    job = JOBS.get(work.REPORT)
    if job is None or job.state.about not in (None, run.run):
        _write(run)
    elif job.state.running:
        if st.button("Cancel report", width="stretch", disabled=job.cancelled()):
            job.cancel()
            st.rerun()
    else:
        _write(run)
        _outcome(run, job)


def _write(run: Run) -> None:
    if st.button("Write report", icon=":material/summarize:", width="stretch", help=HELP):
        model_panel.start(work.REPORT, work.report(session.run_store(), run.run))


def _outcome(run: Run, job: Job) -> None:
    """The file, made when it is asked for; or why there is none."""
    made = job.state.result
    if made is None:
        if job.state.error and not job.state.cancelled:
            st.error(session.as_text(job.state.error))
        return
    st.download_button(
        "Download report",
        lambda: made.html,
        f"report-{run.run}.html",
        "text/html",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )
    st.caption(f"{len(made.figures)} figures, as they stood then · `telltale report {run.run}`")
