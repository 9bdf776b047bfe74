"""A chart with a description for screen readers, and under it the table behind it, to read or take away.

The camera over a chart saves a picture of it, which the browser draws; a session chooses as which format.
"""

import re
from functools import partial
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.csv_text import as_csv

FORMATS = ("png", "svg")


def show(
    figure: go.Figure, table: pd.DataFrame, about: str, key: str, *, wide: bool = False, **options: Any
) -> Any:
    """Draw a chart where the page stands, and the folded table under it.

    Args:
        table: the figures that are drawn, one row a mark, with what hovering tells.
        about: what is drawn against what, for who hears the page; names the table and its file too.
        wide: its rows have long names: on a telephone it is scrolled sideways, and not pressed together.
        options: what `st.plotly_chart` takes besides.

    Returns:
        What `st.plotly_chart` gives: what is picked, where that is asked for.
    """
    picture = {"format": _format(), "filename": _file(about)}
    config = options.pop("config", {}) | {"toImageButtonOptions": picture}
    with st.container(key=f"wide {key}" if wide else None):
        drawn = st.plotly_chart(figure, key=key, alt=about, config=config, **options)
    _table(table, about, key, picture["format"])
    return drawn


def _format() -> str:
    return st.session_state.get("picture format", FORMATS[0])


def _file(about: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", about.lower()).strip("-")


@st.fragment
def _table(table: pd.DataFrame, about: str, key: str, drawn_for: str) -> None:
    """The table, sent to the browser only while it is open.

    Args:
        drawn_for: the format that the camera over the chart saves.
    """
    if drawn_for != _format():
        st.rerun()
    box = st.expander(f"As a table: {about}", key=f"table of {key}", type="compact", on_change="rerun")
    if not box.open:
        return
    box.dataframe(table, hide_index=True)
    # Told from the page's others by its name. Drawing it anew would end the download.
    box.download_button(
        f"Download {about} (CSV)",
        partial(as_csv, table),
        f"{_file(about)}.csv",
        "text/csv",
        key=f"csv of {key}",
        on_click="ignore",
    )
    # Begins at what another chart's choice made it.
    picked = f"{drawn_for} picture of {key}"

    def pick() -> None:
        st.session_state["picture format"] = st.session_state[picked]

    box.segmented_control(
        "The camera over the charts saves",
        FORMATS,
        default=drawn_for,
        required=True,
        key=picked,
        on_change=pick,
        format_func=str.upper,
    )
