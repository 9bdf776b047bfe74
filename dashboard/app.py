"""Telltale's dashboard: its frame, which is on screen at once, and then the sidebar and the page in it.

What those import is imported after the frame is drawn: pandas and the stores take longer than drawing it.
"""

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from core.errors import TelltaleError
from dashboard import gate, in_address

ICON = Path(__file__).with_name("icon.png")
st.set_page_config(page_title="Telltale", page_icon=str(ICON), layout="wide")
gate.need_admission()
st.html(Path(__file__).with_name("style.css"))
in_address.read()
page = st.navigation(
    {
        "": [
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
        # A menu: four links more would not fit into a window of 1,280 px.
        "Library": [
            st.Page("views/runs.py", title="Runs", icon=":material/inventory_2:"),
            st.Page("views/compare.py", title="Compare", icon=":material/balance:"),
            st.Page("views/import.py", title="Import", icon=":material/download:"),
            st.Page("views/export.py", title="Export", icon=":material/upload:"),
        ],
    },
    position="top",
)
in_address.on_page(page.url_path)


def fill(page: StreamlitPage) -> None:
    """Draw the sidebar and the page, or what a person can mend about them."""
    from dashboard import about_page, session, sidebar

    try:
        in_address.tell_ignored()
        with st.sidebar:
            sidebar.show()
            about_page.words()
        if page.url_path:  # the default page has none, and it alone is drawn without the large packages
            session.need_packages()
        session.tell_what_was_set_aside()
        about_page.show(page.url_path)
        page.run()
    except TelltaleError as error:
        session.show_refusal(error)


with st.sidebar:
    st.markdown("### Telltale")
fill(page)
