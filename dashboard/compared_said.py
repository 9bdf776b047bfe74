"""What two runs say, computed once for as long as their answers and decisions stay as they are."""

from pathlib import Path

import streamlit as st

from core.compare.of_runs import SaidBeside, compare_said
from core.store.runs import Run, RunStore
from dashboard import session


def said_beside(run: Run, other: Run) -> SaidBeside:
    """Of two runs, or of one after and before pruning. Shared between sessions: not to be changed."""
    decisions = session.decision_store()
    stands = tuple(
        (one.run, one.answers, decisions.margin(one.run), decisions.version(one.run)) for one in (run, other)
    )
    return _said(session.cache(), run.run, other.run, stands)


@st.cache_resource(max_entries=8, show_spinner="Comparing what both say …")
def _said(cache: Path, run: str, other: str, stands: tuple) -> SaidBeside:
    return compare_said(RunStore(cache), run, other)
