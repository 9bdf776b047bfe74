"""Which of a run's states are taken out: positions and layers, and how many bytes that comes to."""

import streamlit as st

from core.exchange.run_parts import positions_of
from core.store.runs import Run
from dashboard import in_address, session

FLOAT = 4
"""Bytes of a number in an export."""


def choose(run: Run) -> tuple[tuple[str, ...], tuple[int, ...] | None] | None:
    """The positions, and the layers, None for all; None, with the reason on screen, without a position."""
    offered = positions_of(session.run_store(), run.run)
    left, right = st.columns(2)
    positions = in_address.multiselect(
        left,
        "Positions",
        offered,
        [name for name in offered if name == "prompt"],
        "positions",
        key=f"export positions {run.run}",
    )
    layers = in_address.multiselect(
        right,
        "Layers (none chosen: all of them)",
        range(run.facts["layers"]),
        [],
        "layers",
        key=f"export layers {run.run}",
    )
    if not positions:
        st.warning("Choose a position to take states from.")
        return None
    return tuple(positions), tuple(layers) or None


def options(positions: tuple[str, ...], layers: tuple[int, ...] | None) -> str:
    """The command's options for them."""
    chosen = [] if positions == ("prompt",) else [f"--position {name}" for name in positions]
    return " ".join([*chosen, *(f"--layer {layer}" for layer in layers or ())])


def size(run: Run, positions: int, layers: tuple[int, ...] | None) -> int:
    """About how many bytes the states have."""
    chosen = run.facts["layers"] if layers is None else len(layers)
    return run.answers * run.facts["d_model"] * FLOAT * positions * chosen


def in_words(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"
