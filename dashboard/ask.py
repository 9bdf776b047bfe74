"""Ask one thing: as the run would ask it, put to the model honestly and under lie, streamed side by side.

The box is drawn at once. What needs a probe or the model comes below it, see `asked`.
"""

import streamlit as st

from core.engine.settings import HarvestSettings
from dashboard import session


def show(settings: HarvestSettings | None) -> None:
    """The box and the two answers."""
    st.subheader("Ask one thing")
    if settings is None:
        st.caption("Mend the settings above first.")
        return
    if settings.open:
        st.caption("What is typed has no known right answer: choose questions with choices to ask one thing.")
        return
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    text = left.text_input(
        "Put to the model through the template chosen above",
        key="ask",
        placeholder="The plot makes no sense and the acting is wooden.",
        persist_state="session",
    )
    pressed = right.button("Ask", width="stretch", disabled=not text.strip())
    if pressed:
        session.need_packages()
    if session.packages_ready():
        from dashboard.asked import answer

        answer(settings, text.strip() if pressed else None)
