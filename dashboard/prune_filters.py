"""Which answers the queue and the table go through: those of a mode, suggested drops, decided or not."""

from dataclasses import replace

import streamlit as st

from core.answer_list import AnswerList, Filter
from core.labels import FLAGS
from dashboard import in_address, session

STANDING = {"undecided": "", "dropped": "drop", "kept": "keep", "unsure": "unsure"}
MINE = "undecided by me"


def filters(listed: AnswerList, key: str) -> tuple[Filter, Filter]:
    """Draw the filters of one place.

    Args:
        key: tells the widgets of one place from those of another.

    Returns:
        The answers of the chosen mode and flags, whatever is decided of them; and those of them that the
        filter on decisions leaves open.
    """
    cells = st.columns([2, 3, 2], vertical_alignment="bottom")
    modes = listed.modes()
    chosen = in_address.segmented_control(
        cells[0],
        "Answers",
        [*modes, "all"],
        f"{key}-answers",
        default="lie" if "lie" in modes else "all",
        key=f"{key}_mode {modes}",
    )
    mode = None if chosen == "all" else chosen
    counts = listed.flag_counts(mode)
    flags = in_address.multiselect(
        cells[1],
        "Suggested because",
        FLAGS,
        [],
        f"{key}-suggested",
        key=f"{key}_flags",
        format_func=lambda f: f"{f} ({counts[f]:,})",
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
    whatever = Filter(mode, tuple(flags))
    if decided == MINE:
        return whatever, replace(whatever, undecided_by=session.who())
    return whatever, replace(whatever, standing=STANDING.get(decided))
