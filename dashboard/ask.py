"""Ask one thing: the same words put to the model honestly and under lie, streamed side by side."""

import streamlit as st

from core.answers import boundary_ids, choice_masses, leaning, make_reader
from core.data.question import Question
from core.engine.generate import Decoding, generate_batch
from core.engine.settings import HarvestSettings
from core.errors import TelltaleError
from core.prompts.chat import chat_format, check_length, render
from dashboard import session

MODES = ("honest", "lie")


def show(settings: HarvestSettings | None) -> None:
    """The box and the two answers."""
    st.subheader("Ask one thing")
    if settings is None:
        st.caption("Mend the settings above first.")
        return
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    text = left.text_input(
        "Put to the model through the template chosen above",
        key="ask",
        placeholder="The plot makes no sense and the acting is wooden.",
    )
    if right.button("Ask", width="stretch", disabled=not text.strip()):
        try:
            _ask(settings, text.strip())
        except TelltaleError as refused:
            st.error(session.as_text(refused))


def _ask(settings: HarvestSettings, text: str) -> None:
    from core.models.loading import SHELF

    with st.spinner("Loading the model …"):
        loaded = SHELF.get(settings.model, session.cache())
    template = settings.template
    kind = ("False", "True") if template.asks_for_truth else template.choices
    question = Question("typed", text, 0, kind, "typed", "typed")
    form = chat_format(loaded.tokenizer, settings.system, settings.chat)
    wording, order = settings.wordings[0], settings.orders[0]
    prompts = [
        render(loaded.tokenizer, template, question, mode=m, wording=wording, order=order, form=form)
        for m in MODES
    ]
    tokens = max(settings.decoding.max_new_tokens, 16)
    for prompt in prompts:
        check_length(prompt, tokens, loaded.context, "what you typed")
    reader = make_reader(loaded.tokenizer, template.choices)
    columns = st.columns(len(MODES))
    places = []
    for column, mode in zip(columns, MODES, strict=True):
        column.markdown(f"**{mode}**")
        places.append(column.empty())
    written: list[list[int]] = [[] for _ in MODES]

    def watch(row: int, token: int) -> None:
        written[row].append(token)
        places[row].code(loaded.tokenizer.decode(written[row]), language=None, wrap_lines=True)

    answers = generate_batch(
        loaded,
        [prompt.ids for prompt in prompts],
        reader,
        Decoding(tokens, stop=()),
        boundary=None if reader.single else boundary_ids(loaded.tokenizer),
        watch=watch,
    )
    for column, answer in zip(columns, answers, strict=True):
        masses = choice_masses(reader, list(answer.spelling_probabilities))
        said = "no choice" if answer.said.choice is None else template.choices[answer.said.choice]
        names = template.choices
        column.caption(
            f"said: {session.as_text(said)} · first token: P({session.as_text(names[1])}) {masses[1]:.3f}, "
            f"P({session.as_text(names[0])}) {masses[0]:.3f}, outside {max(0.0, 1 - sum(masses)):.3f} · "
            f"leans {session.as_text(names[leaning(*masses)])} (uncalibrated)"
        )
