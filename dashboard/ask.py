"""Ask one thing: as the run would ask it, put to the model honestly and under lie, streamed side by side.

Where there is a probe of the model, each token comes with its score.
"""

import numpy as np
import pandas as pd
import streamlit as st

from core.engine.ask import MODES, Asked, ask
from core.engine.settings import HarvestSettings
from core.engine.speak import MOST_TOKENS
from core.errors import TelltaleError
from core.models.loading import SHELF
from core.scoring.asking import asking_of
from core.scoring.entries import class_names
from core.scoring.speech import Speech
from core.store.runs import Run
from dashboard import model_panel, session, speak_charts, work
from dashboard.choose_probe import about, choose_probe
from dashboard.harvest_form import ORDERS, plan_of

STRONG = 95
NEW_TOKENS = 40


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
    try:
        run = _run_of_model(settings)
        probe = None if run is None else choose_probe(run)
        if run is None or probe is None:
            st.caption(
                "Fit a probe to a run of this model, on the Probes page, to see scores while it speaks."
            )
            if pressed:
                _ask(settings, text.strip())
            return
        new_tokens = st.number_input(
            "Most tokens of an answer", 1, MOST_TOKENS, NEW_TOKENS, key="ask_tokens", persist_state="session"
        )
        if pressed:
            plan = plan_of(str(session.cache()), settings)
            names = class_names(
                probe.facts["target"], asking_of(session.run_store(), run.run, plan.tokenizer)
            )
            _start(Speech(plan, text.strip(), probe, names, int(new_tokens)))
    except TelltaleError as refused:
        st.error(session.as_text(refused))
        return
    session.watch_job(work.SPEAKING)
    _live()


def _run_of_model(settings: HarvestSettings) -> Run | None:
    """The run that every page looks at, where its probes are of the model that is to be asked."""
    run = session.chosen_run()
    if run is None or run.facts.get("open") or not run.answers:
        return None
    return run if HarvestSettings.from_dict(run.settings).model.id == settings.model.id else None


def _start(speech: Speech) -> None:
    before = st.session_state.get("speech")
    st.session_state["speech"] = speech
    model_panel.start(work.SPEAKING, work.speak(speech, session.run_store()))
    st.session_state["speech"] = before  # reached only where another job runs and this was refused


def _live() -> None:
    """The answers so far; redrawn by themselves while they grow."""
    job = session.own_job(work.SPEAKING)
    growing = job is not None and job.state.running
    st.fragment(session.shows_refusals(_hear), run_every=0.7 if growing else None)()


def _hear() -> None:
    speech: Speech | None = st.session_state.get("speech")
    if speech is None or not speech.asked:
        return
    job, probe = session.own_job(work.SPEAKING), speech.probe
    _say_what(speech.plan.settings, speech.asked[0])
    tables = [speech.table(place) for place in range(len(MODES))]
    limit = float(np.percentile(np.abs(probe.training_scores), STRONG)) or 1.0
    for column, mode, table, answer in zip(st.columns(len(MODES)), MODES, tables, speech.asked, strict=True):
        column.markdown(f"**{mode}**")
        colours = speak_charts.word_colours(table, limit)
        titles = speak_charts.word_titles(table, speech.names[1])
        column.html(session.token_strip(speak_charts.words(table), colours, titles))
        column.caption(_reading(speech.plan.settings, answer))
    if job is not None and job.state.cancelled:
        st.caption("Cancelled: what had been said stands.")
    threshold = None if speech.benign is None else speech.benign.threshold()
    drawn = speak_charts.by_token(pd.concat(tables), speech.names, probe.layer, threshold)
    st.plotly_chart(drawn, key="speech")
    _say_how(speech, limit)


def _say_how(speech: Speech, limit: float) -> None:
    """What the scores are, what they can be compared with, and how far to trust them."""
    probe, names = speech.probe, [session.as_text(name) for name in speech.names]
    low, high = probe.facts.get("auroc_ci", (0.0, 1.0))
    if low <= 0.5 <= high:
        st.warning("This probe cannot be told from chance on held-out answers: its scores mean nothing yet.")
    position = session.as_text(probe.facts["position"])
    st.caption(
        f"{about(probe)} Blue leans to {names[1]}, orange to {names[0]}; the strongest colours stand for "
        f"±{limit:.1f} and beyond. The probe was trained at position *{position}* alone: everywhere else "
        "tokens are hatched, points small and pale, no probability is given, and scores can be of any size. "
        "Template tokens are left out."
    )
    if speech.benign is None:
        st.caption(
            "No run of ordinary conversation with this model to compare with: choose the questions *chat* "
            "above and start one, for percentiles and a threshold."
        )
        return
    found = speech.benign
    told = [
        f"Percentiles are among {len(found.tokens):,} generated tokens and {len(found.prompts):,} prompts of "
        f"ordinary conversation (run {found.run})"
    ]
    if (threshold := found.threshold()) is not None:
        told.append(threshold.sentence)
    st.caption(session.as_text("; ".join(told) + "."))


def _ask(settings: HarvestSettings, text: str) -> None:
    plan = plan_of(str(session.cache()), settings)
    with st.spinner("Loading the model …"):
        loaded = SHELF.get(settings.model, session.cache())
    about_it = st.container()
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
    with about_it:
        _say_what(settings, answers[0])
    for column, answer in zip(columns, answers, strict=True):
        column.caption(_reading(settings, answer))


def _reading(settings: HarvestSettings, answer: Asked) -> str:
    """What a run would read of an answer."""
    names = [session.as_text(name) for name in settings.template.choices]
    return (
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
