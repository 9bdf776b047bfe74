"""A chart with a description for screen readers, and under it the table behind it, to read or take away."""

import re
from functools import partial
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.csv_text import as_csv


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
    with st.container(key=f"wide {key}" if wide else None):
        drawn = st.plotly_chart(figure, key=key, alt=about, **options)
    _table(table, about, key)
    return drawn


@st.fragment
def _table(table: pd.DataFrame, about: str, key: str) -> None:
    """The table, sent to the browser only while it is open."""
    box = st.expander(f"As a table: {about}", key=f"table of {key}", type="compact", on_change="rerun")
    if not box.open:
        return
    box.dataframe(table, hide_index=True)
    file = re.sub(r"[^a-z0-9]+", "-", about.lower()).strip("-")
    # Told from the page's others by its name. Drawing it anew would end the download.
    box.download_button(
        f"Download {about} (CSV)",
        partial(as_csv, table),
        f"{file}.csv",
        "text/csv",
        key=f"csv of {key}",
        on_click="ignore",
    )
