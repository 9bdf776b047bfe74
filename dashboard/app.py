"""Telltale's dashboard: navigation, and the sidebar whose model and run every page shares. Nothing else."""

from pathlib import Path

import streamlit as st

from core.data.question import PLAIN
from core.errors import TelltaleError
from core.store.runs import Run
from dashboard import model_panel, session

ICON = Path(__file__).with_name("icon.png")
st.set_page_config(page_title="Telltale", page_icon=str(ICON), layout="wide")
STYLE = (
    ".stMainBlockContainer{padding:4rem 2rem 2rem} [data-testid=stMetricValue]{font-size:1.6rem} "
    # Twelve links with usual gaps are wider than a window of 1,500 px: the last would hide behind "2 more".
    "[data-testid=stTopNav]{padding-inline:.5rem} [data-testid=stTopNavLink]{padding:0 .25rem;gap:.25rem}"
)
st.html(f"<style>{STYLE}</style>")
# Before anything is drawn: a click on a page while the first is still being drawn empties the address.
if "run" in st.query_params:
    st.session_state.setdefault("run", st.query_params["run"])
page = st.navigation(
    [
        st.Page("views/generate.py", title="Generate", icon=":material/play_circle:", default=True),
        st.Page("views/elicit.py", title="Elicit", icon=":material/search:"),
        st.Page("views/prune.py", title="Prune", icon=":material/content_cut:"),
        st.Page("views/projection.py", title="Projection", icon=":material/scatter_plot:"),
        st.Page("views/probes.py", title="Probes", icon=":material/show_chart:"),
        st.Page("views/read_or_said.py", title="Read or said", icon=":material/compare_arrows:"),
        st.Page("views/lie_score.py", title="Lie score", icon=":material/rule:"),
        st.Page("views/transfer.py", title="Transfer", icon=":material/grid_on:"),
        st.Page("views/shifts.py", title="Shifts", icon=":material/text_fields:"),
        st.Page("views/steer.py", title="Steer", icon=":material/explore:"),
        st.Page("views/tokens.py", title="Tokens", icon=":material/token:"),
        st.Page("views/statements.py", title="Statements", icon=":material/format_quote:"),
    ],
    position="top",
)


def run_picker() -> None:
    """The run that every page looks at; kept in the address, so that a reload or a link finds it again."""
    runs = {run.run: run for run in session.run_store().runs()}
    wanted = st.session_state.pop("wanted_run", None) or st.session_state.get("run")
    if not runs:
        st.caption("No runs yet: start one on the Generate page.")
        return
    # Without a key: a browser that missed the first drawing would send the first run as a keyed box's choice.
    chosen = list(runs).index(wanted) if wanted in runs else 0
    run = runs[st.selectbox("Run", list(runs), chosen, format_func=lambda run: short_title(runs[run]))]
    st.session_state["run"] = run.run
    st.caption(session.as_text(run.title))
    st.query_params["run"] = run.run
    st.caption(f"{run.answers:,} of {run.planned:,} answers · {run.state} · started {run.started[:16]} UTC")
    if elicitation := run.settings["data"].get("left_out"):
        st.caption(f"Leaves out the questions of elicitation {elicitation}, which picked its settings.")


def short_title(run: Run) -> str:
    """Enough to tell runs apart in a narrow list."""
    settings = run.settings
    style = f", {run.style}" if run.style != PLAIN else ""
    source = Path(settings["data"]["name"]).name + style
    modes = "+".join(settings["modes"])
    return f"{source} · {settings['template']['name']} · {run.planned:,} {modes} · {run.run[:6]}"


try:
    with st.sidebar:
        st.markdown("### Telltale")
        run_picker()
        st.divider()
        model_panel.show()
        session.activity()
    if page.url_path:  # the default page has none, and it alone is drawn without them
        session.need_packages()
    page.run()
except TelltaleError as error:
    st.error(session.as_text(error))
