"""The sidebar that every page shares: the run that is looked at, the model, and the work in hand."""

from pathlib import Path

import streamlit as st

from core.data.question import PLAIN
from core.store.runs import Run
from dashboard import in_address, model_panel, report_button, session


def show() -> None:
    """Draw it."""
    run_picker()
    st.divider()
    model_panel.show()
    session.activity()


def run_picker() -> None:
    """The run that every page looks at; kept in the address, so that a reload or a link finds it again."""
    runs = {run.run: run for run in session.run_store().runs()}
    if asked := in_address.take(in_address.RUN):
        st.session_state["run"] = asked
        if asked not in runs:
            in_address.ignore(in_address.RUN, asked, "no run of that name is here")
    wanted = st.session_state.pop("wanted_run", None) or st.session_state.get("run")
    if not runs:
        st.caption("No runs yet: start one on the Generate page.")
        return
    # Without a key: a browser that missed the first drawing would send the first run as a keyed box's choice.
    chosen = list(runs).index(wanted) if wanted in runs else 0
    run = runs[st.selectbox("Run", list(runs), chosen, format_func=lambda run: short_title(runs[run]))]
    st.session_state["run"] = run.run
    st.caption(session.as_text(run.title))
    follow_layer(run)
    in_address.put(run=run.run, layer=session.layer(run))
    st.caption(f"{run.answers:,} of {run.planned:,} answers · {run.state} · started {run.started[:16]} UTC")
    if elicitation := run.settings["data"].get("left_out"):
        st.caption(f"Leaves out the questions of elicitation {elicitation}, which picked its settings.")
    report_button.show(run)


def follow_layer(run: Run) -> None:
    """Look at the layer that a link asks for."""
    if (asked := in_address.take(in_address.LAYER)) is not None:
        try:
            st.session_state["layer"] = in_address.number(asked, 0, run.facts["layers"] - 1)
        except ValueError as refused:
            in_address.ignore(in_address.LAYER, asked, str(refused))


def short_title(run: Run) -> str:
    """Enough to tell runs apart in a narrow list."""
    settings = run.settings
    style = f", {run.style}" if run.style != PLAIN else ""
    source = Path(settings["data"]["name"]).name + style
    modes = "+".join(settings["modes"])
    return f"{source} · {settings['template']['name']} · {run.planned:,} {modes} · {run.run[:6]}"
