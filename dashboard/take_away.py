"""What a page shows, to take away: its figures as a file, and the command that gives the same."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from core.csv_text import as_csv


def take_away(what: str, table: pd.DataFrame | Callable[[], str], file: str, command: str) -> None:
    """A download button and a command beside it; the file is made when it is asked for.

    The click draws nothing anew: that would forget the file before the browser has asked for it.

    Args:
        what: the button's label.
        table: what the file holds, or what makes its text.
        file: the name that the CSV file is offered under.
    """
    left, right = st.columns([1, 4], vertical_alignment="center")
    make = partial(as_csv, table) if isinstance(table, pd.DataFrame) else table
    left.download_button(what, make, file, "text/csv", on_click="ignore", width="stretch")
    right.code(command, language="bash", wrap_lines=True)
