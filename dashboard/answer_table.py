"""Answers as people read them: names in place of numbers, and a fitted probe's score beside each."""

import numpy as np
import pandas as pd
import streamlit as st

from core.probes.of_run import known_report
from core.probes.rows import ProbeSettings
from core.probes.sweep import ProbeReport
from core.store.runs import Run
from dashboard import session


def said_names(run: Run, frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    """What was said ("none" where no choice was) and the truth, by the choices' names."""
    names = run.facts["choices"]
    said = ["none" if pd.isna(value) else names[int(value)] for value in frame["said"]]
    return said, [names[int(value)] for value in frame["label"]]


def fitted(run: Run) -> ProbeReport | None:
    """The probe last looked at in this session where this run has it, else the default one, else None."""
    store = session.run_store()
    default = (ProbeSettings(), None)
    for settings, other in (st.session_state.get("probe", default), default):
        report = known_report(store, run.run, settings, other)
        if report is not None:
            return report
    return None


def scores_of(run: Run, frame: pd.DataFrame, layer: int | None = None) -> np.ndarray | None:
    """The fitted probe's score of each answer, NaN without a state; None where there is no probe yet.

    Args:
        layer: score by that layer's own probe; the chosen layer's where None.
    """
    report = fitted(run)
    if report is None:
        return None
    bundle = report.bundle
    number = bundle.layer if layer is None else layer
    states = session.run_store().layer(
        run.run, bundle.facts["position"], number, frame["answer"].to_numpy(dtype=int)
    )
    return states @ bundle.vectors[number] + bundle.intercepts[number]
