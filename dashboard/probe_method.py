"""A probe's method and where it reads: those of contrast pairs are offered where a run keeps such pairs."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.probes.contrast_of_run import missing_for
from core.probes.methods import ALL, CONTRAST_METHODS, METHODS
from core.probes.rows import CONTRAST
from core.store.runs import Run
from dashboard import in_address, session

METHOD_HELP = "\n\n".join(f"**{name}** {ALL[name].sentence}" for name in METHODS + CONTRAST_METHODS)


def choose_method(run: Run, cell: DeltaGenerator, place: DeltaGenerator) -> tuple[str, str]:
    """The method, in one cell, and the position, in another."""
    store = session.run_store()
    there = [name for name in CONTRAST_METHODS if missing_for(store, run, name) is None]
    methods = [*METHODS, *there]
    method = in_address.selectbox(
        cell, "Method", methods, "method", key=f"probe_method of {len(methods)}", help=METHOD_HELP
    )
    if ALL[method].contrast:
        written = [session.as_text(entry["text"]) for entry in run.facts.get("continuations", [])]
        position = place.selectbox(
            "Position",
            [CONTRAST],
            format_func=lambda _: "both choices' last tokens",
            key="probe_position of contrast pairs",
            help="Each prompt is continued with both choices, whatever the model said"
            + (f": “{'” and “'.join(written)}”." if written else "."),
        )
    else:
        positions = store.states(run.run).positions()
        position = in_address.selectbox(place, "Position", positions, "position", key="probe_position")
    return method, position


def say_missing(run: Run) -> None:
    """Which methods of contrast pairs cannot be offered, and what would make them."""
    if run.facts.get("open"):
        return
    found = (missing_for(session.run_store(), run, name) for name in CONTRAST_METHODS)
    for why in dict.fromkeys(filter(None, found)):
        st.caption(session.as_text(why[0].upper() + why[1:]) + ".")


def say_sign(method: str) -> None:
    """Where the sign of a method's direction comes from, where not every label took part in it."""
    if (sign := ALL[method].sign) is not None:
        st.caption(f"{method}: {sign}")
