"""Which answers the queue and the table go through, and in which order: suggested drops first."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from core.labels import FLAGS
from core.store.decision import Decision
from dashboard import in_address

STANDING = {"undecided": "", "dropped": "drop", "kept": "keep", "unsure": "unsure"}
MINE = "undecided by me"


def filters(frame: pd.DataFrame, mine: Mapping[int, Decision], key: str) -> tuple[pd.DataFrame, pd.Series]:
    """Draw the filters of one place.

    Args:
        mine: this person's own standing decisions.
        key: tells the widgets of one place from those of another.

    Returns:
        The answers of the chosen mode and flags in a fixed order, whatever is decided of them, and which of
        them the filter on decisions leaves open.
    """
    cells = st.columns([2, 3, 2], vertical_alignment="bottom")
    modes = frame["mode"].unique().tolist()
    mode = in_address.segmented_control(
        cells[0],
        "Answers",
        [*modes, "all"],
        f"{key}-answers",
        default="lie" if "lie" in modes else "all",
        key=f"{key}_mode {modes}",
    )
    part = frame if mode == "all" else frame[frame["mode"] == mode]
    counts = {flag: int(part["flag"].str.contains(flag, regex=False).sum()) for flag in FLAGS}
    flags = in_address.multiselect(
        cells[1],
        "Suggested because",
        FLAGS,
        [],
        f"{key}-suggested",
        key=f"{key}_flags",
        format_func=lambda f: f"{f} ({counts[f]:,})",
    )
    if flags:
        part = part[np.logical_or.reduce([part["flag"].str.contains(flag, regex=False) for flag in flags])]
    part = part.assign(suggested=part["flag"] != "").sort_values(
        ["suggested", "flag", "answer"], ascending=[False, True, True], kind="stable"
    )
    names = (MINE, *STANDING, "any")
    decided = in_address.selectbox(
        cells[2],
        "Decision",
        names,
        f"{key}-decision",
        index=0 if key == "queue" else names.index("any"),
        key=f"{key}_decided",
    )
    if decided == MINE:
        return part, ~part["answer"].isin(list(mine))
    if decided in STANDING:
        return part, part["action"] == STANDING[decided]
    return part, pd.Series(True, part.index)
