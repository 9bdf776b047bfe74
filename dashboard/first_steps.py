"""Three steps from an empty cache to the first insight: each a button, what to look at, and a tick once done.

What is done is read from the store. Whoever has more than one run, or has done all three, sees nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from core.data.sources import DataSettings
from core.engine.settings import HarvestSettings
from core.jobs import JOBS
from core.prompts.templates import BUILT_IN
from core.store.runs import Run
from dashboard import model_panel, session, work

if TYPE_CHECKING:  # this page is drawn without scikit-learn
    from core.probes.rows import ProbeSettings

QUESTIONS = 200
FIRST = HarvestSettings(DataSettings("movie-reviews", QUESTIONS), BUILT_IN["review"])
"""What the first step asks: the liar, honestly and under lie."""
DISMISSED = "first steps dismissed"
DONE, OPEN = ":material/check_circle:", ":material/radio_button_unchecked:"


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        look: what to look at once it is done.
        page: where that is; None for the page that the steps stand on.
    """

    title: str
    button: str
    look: str
    page: str | None = None


STEPS = (
    Step(
        "Have it lie",
        f"Ask {QUESTIONS} reviews",
        f"{QUESTIONS} movie reviews are put to a model that was trained to lie on request, honestly and "
        "under lie. A minute or two. **Look at** *Honest accuracy* and *Untrue under lie* below: both should "
        "be far above 50 %, else there is nothing to catch.",
    ),
    Step(
        "Read the truth",
        "Cross-validate a probe",
        "At each layer a small classifier learns the truth from honest answers, and is judged on lies. "
        "**Look at** *AUROC by layer*: near 1 it reads the truth while the model lies; where it falls below "
        "0.5 it believes the lie.",
        "views/probes.py",
    ),
    Step(
        "Read or said?",
        "Follow its direction",
        "The same direction, layer by layer: does it go with what the model has *read*, or with what it "
        "*says*? **Look at** the layer at which the two curves cross.",
        "views/read_or_said.py",
    ),
)


def show() -> None:
    """The steps, open while no run is there and as long as the only run is the one to take them with."""
    runs = session.run_store().runs()
    if st.session_state.get(DISMISSED) or len(runs) > 1:
        return
    run = runs[0] if runs else None
    if run is not None and not {"honest", "lie"} <= set(run.settings["modes"]):
        return
    done = _done(run)
    if all(done):
        return
    n = sum(done)
    with st.expander(f"First steps · {n} of {len(STEPS)} done", expanded=True, key="first steps"):
        ready = (JOBS.running() is None, done[0], done[0])
        for number, cell in enumerate(st.columns(len(STEPS))):
            with cell:
                _step(number, done[number], ready[number], run)
        if st.button("Not now", type="tertiary", help="Hides these steps in this window."):
            st.session_state[DISMISSED] = True
            st.rerun()


def _step(number: int, done: bool, ready: bool, run: Run | None) -> None:
    step = STEPS[number]
    st.markdown(f"{DONE if done else OPEN} **{number + 1} · {step.title}**" + (" (done)" if done else ""))
    if done and step.page is not None:
        if st.button("Look at it", key=f"look at step {number + 1}", width="stretch"):
            st.switch_page(step.page)
    elif not done and st.button(
        step.button,
        type="primary" if ready else "secondary",
        disabled=not ready,
        key=f"first step {number + 1}",
        width="stretch",
    ):
        _begin(number, run)
    st.caption(step.look)


def _begin(number: int, run: Run | None) -> None:
    """Start a step's work, and go where it is shown."""
    store = session.run_store()
    if run is None or number == 0:
        st.session_state["follow"] = True
        model_panel.start(work.HARVEST, work.harvest(FIRST, store))
        del st.session_state["follow"]  # reached only where another job runs and this was refused
    elif number == 1:
        session.need_packages()
        name, task = work.CROSS_VALIDATION, work.cross_validation(store, run.run, _probe_settings(run))
        model_panel.start(name, task, STEPS[number].page)
    else:
        session.need_packages()
        from core.probes.read_or_said_of_run import RESAMPLES

        task = work.read_or_said(store, run.run, "prompt", RESAMPLES)
        model_panel.start(work.READ_OR_SAID, task, STEPS[number].page)


def _done(run: Run | None) -> tuple[bool, bool, bool]:
    """Which steps the store shows as done; the later two are looked up once the large packages are there."""
    if run is None or run.state != "complete":
        return False, False, False
    if not session.packages_ready():
        return True, False, False
    from core.probes.cross_validated_of_run import known_cross_validated
    from core.probes.of_run import known_report
    from core.probes.read_or_said_of_run import known_read_or_said

    store, settings = session.run_store(), _probe_settings(run)
    judged = known_cross_validated(store, run.run, settings, sealed=True) or known_report(
        store, run.run, settings
    )
    return True, judged is not None, known_read_or_said(store, run.run, "prompt") is not None


def _probe_settings(run: Run) -> ProbeSettings:
    """What the Probes page shows first."""
    from core.probes.rows import ProbeSettings, default_modes

    train, test = default_modes(run.settings["modes"])
    return ProbeSettings(train=train, test=test)
