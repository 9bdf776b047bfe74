"""The probe that was fitted to a run, as pages find it again, and its score of each answer."""

import contextlib
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from core.errors import StoreError
from core.probes.by_layer import ProbeReport
from core.probes.of_run import known_report
from core.probes.rows import CONTRAST, ProbeSettings, default_modes
from core.store.runs import Run
from dashboard import session


def fitted(run: Run) -> ProbeReport | None:
    """The probe last looked at in this session where this run has it, else a default one, else None.

    A probe of contrast pairs scores no answer, and is passed over. One that was fitted before the latest
    decisions still counts: its direction scores answers all the same.
    """
    found = fitted_and_judged(run)
    return None if found is None else found[0]


def fitted_and_judged(run: Run) -> tuple[ProbeReport, str] | None:
    """The probe of `fitted`, and the id of the run that it was judged on."""
    store = session.run_store()
    train, test = default_modes(run.settings["modes"])
    default = ProbeSettings(train=train, test=test)
    wanted = [(default, None), (replace(default, permutations=0), None)]
    if "probe" in st.session_state and st.session_state["probe"][0].position != CONTRAST:
        wanted.insert(0, st.session_state["probe"])
    for pruned in (True, False):
        for settings, other in wanted:
            with contextlib.suppress(StoreError):  # the run that it was judged on may be gone
                if report := known_report(store, run.run, settings, other, pruned):
                    return report, other or run.run
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
