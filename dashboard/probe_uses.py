"""What a judged probe is good for: its false alarms as a detector, and keeping it."""

import streamlit as st

from core.data.chat import CHAT
from core.errors import ProbeError
from core.probes.by_layer import ProbeReport
from core.probes.false_alarms_of_run import ALARM, false_alarms_of_run
from core.probes.rows import CONTRAST
from core.probes.saved import LONGEST_NAME, SavedProbes, in_words, with_origin
from core.store.runs import Run
from dashboard import session


def on_conversation(run: Run, judged: Run, report: ProbeReport) -> None:
    """How often the probe, used as a detector, alarms on ordinary conversation, and what it then finds."""
    if report.settings.target not in ALARM or report.settings.position == CONTRAST:
        return
    st.markdown("**False alarms on ordinary conversation**")
    runs = {
        other.run: other
        for other in session.run_store().runs()
        if other.settings["data"]["name"] == CHAT
        and other.answers
        and other.facts["model_content"] == judged.facts["model_content"]
    }
    if not runs:
        st.caption(
            "A threshold is set on answers in which there is nothing to lie about. There are none of this "
            "model yet: harvest the source **chat** in mode **none** on the Generate page, all 520 prompts "
            "for a rate of 5 % (1 % needs 1,000)."
        )
        return
    chosen = st.selectbox("Conversation", list(runs), format_func=lambda r: runs[r].title, key="chat_run")
    try:
        other = None if judged is run else judged.run
        for found in false_alarms_of_run(session.run_store(), run.run, report, chosen, other):
            st.markdown(session.as_text(found.sentence[0].upper() + found.sentence[1:]) + ".")
    except ProbeError as refused:
        st.caption(session.as_text(refused))


def keep(run: Run, judged: Run, report: ProbeReport) -> None:
    """Keep the probe by name, or take it away as a file."""
    if report.settings.position == CONTRAST:
        st.caption(
            "A probe of contrast pairs scores questions with both of their choices, and no single states: it "
            "cannot be kept to score statements or other answers."
        )
        return
    probe = with_origin(report, run, judged)
    saved = SavedProbes(session.cache())
    found = saved.facts()
    with st.expander("Keep this probe"):
        st.caption(
            "A kept probe scores statements and runs of the same model; the file is safetensors, with what "
            "it was trained on and how it was judged inside."
        )
        cells = st.columns([3, 1, 1], vertical_alignment="bottom")
        name = cells[0].text_input("Name", key="probe_name", max_chars=LONGEST_NAME)
        there = name.strip() in found
        if cells[1].button("Replace" if there else "Keep", disabled=not name.strip(), width="stretch"):
            saved.save(name, probe)
            st.toast("Kept.")
            st.rerun()
        cells[2].download_button(
            "Export", probe.to_bytes(), f"probe-{run.run}-layer-{report.layer}.safetensors", width="stretch"
        )
        for kept, facts in found.items():
            left, right = st.columns([5, 1], vertical_alignment="center")
            left.markdown(f"**{session.as_text(kept)}** · {session.as_text(in_words(facts))}")
            if right.button("Delete", key=f"delete probe {kept}", width="stretch"):
                saved.delete(kept)
                st.rerun()
