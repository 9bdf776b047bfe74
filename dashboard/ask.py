"""Ask one thing: as the run would ask it, put to the model honestly and under lie, streamed side by side."""

import streamlit as st

from core.engine.ask import MODES, Asked, ask
from core.engine.settings import HarvestSettings
from core.errors import TelltaleError
from core.models.loading import SHELF
from dashboard import session
from dashboard.harvest_form import ORDERS, plan_of


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
    if right.button("Ask", width="stretch", disabled=not text.strip()):
        try:
            _ask(settings, text.strip())
        except TelltaleError as refused:
            st.error(session.as_text(refused))


def _ask(settings: HarvestSettings, text: str) -> None:
    plan = plan_of(str(session.cache()), settings)
    with st.spinner("Loading the model …"):
        loaded = SHELF.get(settings.model, session.cache())
    about = st.container()
    columns = st.columns(len(MODES))
    places = []
    for column, mode in zip(columns, MODES, strict=True):
        column.markdown(f"**{mode}**")
        places.append(column.empty())
    written: list[list[int]] = [[] for _ in MODES]

    def watch(row: int, token: int) -> None:
        written[row].append(token)
        places[row].code(loaded.tokenizer.decode(written[row]), language=None, wrap_lines=True)

    answers = ask(loaded, plan, text, watch)
    with about:
        _say_what(settings, answers[0])
    for column, answer in zip(columns, answers, strict=True):
        names = [session.as_text(name) for name in settings.template.choices]
        column.caption(
            f"said: {session.as_text(answer.said or 'no choice')} · first token: P({names[1]}) "
            f"{answer.masses[1]:.3f}, P({names[0]}) {answer.masses[0]:.3f}, outside {answer.outside:.3f} · "
            f"leans {session.as_text(answer.leans)} (uncalibrated)"
        )


def _say_what(settings: HarvestSettings, asked: Asked) -> None:
    claim = asked.question.claim
    parts = [
        "Asked as the run asks",
        f"instruction wording {asked.arm.wording + 1}",
        ORDERS[asked.arm.order],
        f"{settings.shots} examples before it" if settings.shots else "no examples",
        *([f"with the claim {claim}"] if claim else []),
    ]
    st.caption(session.as_text(", ".join(parts)))
    st.code(asked.message, language=None, wrap_lines=True)
