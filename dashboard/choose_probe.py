"""Chooses the probe that scores what people type: the one fitted to a run, or one kept by name."""

import streamlit as st

from core.probes.bundle import FittedProbe
from core.probes.saved import SavedProbes, in_words, with_origin
from core.store.runs import Run
from dashboard import session
from dashboard.fitted_probe import fitted_and_judged


def choose_probe(run: Run) -> FittedProbe | None:
    """The probe that was fitted to this run, or one kept by name; None where there is neither."""
    saved = SavedProbes(session.cache())
    names = saved.of_model(run)
    wanted = None
    if names:
        wanted = st.selectbox(
            "Probe",
            [None, *names],
            format_func=lambda name: "the one fitted to this run" if name is None else name,
            key="statement_probe",
            help="Probes that were kept on the Probes page, of this run's model.",
        )
    if wanted is not None:
        return saved.load(wanted)
    found = fitted_and_judged(run)
    if found is None:
        return None
    report, judged = found
    return with_origin(report, run, session.run_store().run(judged))


def about(probe: FittedProbe) -> str:
    """What the scores come from, and how good it is on held-out answers."""
    return f"Scored by a {session.as_text(in_words(probe.all_facts))}."
