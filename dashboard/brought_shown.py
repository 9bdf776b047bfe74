"""What was understood of what a person brings: shown before anything is stored."""

from pathlib import Path

import streamlit as st

from core.errors import TelltaleError
from core.exchange.brought_states import has_own_labels, label_columns, place_of
from core.exchange.understood import Understood, understand_answers, understand_states
from dashboard import session
from dashboard.brought_files import Files

FIRST = 20
LONGEST_CELL = 500
"""Characters of a cell that is shown."""
Columns = tuple[str | None, str | None]


def show(files: Files) -> tuple[Understood, Columns] | None:
    """What was understood, with the columns of text and label; None, and the reason on screen, if nothing."""
    try:
        if files.labels is None and not files.answers and not has_own_labels(place_of(files.brought)):
            st.info("Now the table of its labels: without one, states cannot be probed.")
            return None
        columns: Columns = (None, None) if files.answers else _columns(files)
        found = _understood(files, columns, _stamp(files.brought), _stamp(files.labels))
    except TelltaleError as refused:
        st.error(session.as_text(refused))
        return None
    _figures(found)
    for sentence in found.lacks():
        st.warning(session.as_text(sentence))
    left, right = st.columns([1, 2])
    left.dataframe(found.counts(), hide_index=True, alt="Answers of each mode, by their label")
    few = found.first(FIRST)
    for name in ("text", "generated"):
        few[name] = few[name].str.slice(0, LONGEST_CELL)
    right.dataframe(few, hide_index=True, height=210, alt="The first answers as they would be stored")
    return found, columns


def _figures(found: Understood) -> None:
    told = {"Answers": found.rows, "Questions": len(found.answers.questions), "Groups": found.groups}
    if found.layers is not None and found.d_model is not None:
        told |= {"Layers, with layer 0": found.layers, "Values a state": found.d_model}
    for cell, (name, value) in zip(st.columns(5), told.items(), strict=False):
        cell.metric(name, f"{value:,}")


def _columns(files: Files) -> Columns:
    """Which columns hold text and label: guessed by their names, unless a person says so."""
    offered = _columns_of(files.brought, files.labels, _stamp(files.brought), _stamp(files.labels))
    if not offered:
        return None, None
    cells = st.columns(2)
    chosen = [
        cell.selectbox(
            f"{what.capitalize()} column",
            [None, *offered],
            format_func=lambda name: "found by itself" if name is None else name,
            key=f"import {what} of {files.labels or files.brought}",
        )
        for cell, what in zip(cells, ("text", "label"), strict=True)
    ]
    return chosen[0], chosen[1]


@st.cache_resource(max_entries=4, show_spinner="Reading the columns …")
def _columns_of(brought: Path, labels: Path | None, *stamps: object) -> list[str]:
    return label_columns(brought, labels)


@st.cache_resource(max_entries=4, show_spinner="Reading what was brought …")
def _understood(files: Files, columns: Columns, *stamps: object) -> Understood:
    if files.answers:
        return understand_answers(files.brought)
    return understand_states(files.brought, files.labels, *columns)


def _stamp(path: Path | None) -> tuple[int, int] | None:
    """When a file was changed, and its bytes: a file that is another now is read again."""
    try:
        if path is None:
            return None
        found = path.expanduser().stat()
        return found.st_mtime_ns, found.st_size
    except (OSError, RuntimeError, ValueError):  # what it is will be said where it is read
        return None
