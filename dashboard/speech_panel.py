"""A model that speaks in both modes side by side, each token with a probe's score; for any page."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from core.charts import speech as speak_charts
from core.engine.ask import MODES, Asked
from core.engine.settings import HarvestSettings
from core.engine.speak import MOST_TOKENS
from core.probes.metrics import LEAST_NEGATIVES
from core.scoring.benign import RATE, Benign
from core.scoring.speech import Speech
from core.scoring.state_reading import StateReading
from dashboard import chart_with_table, model_panel, session, work
from dashboard.choose_probe import about
from dashboard.harvest_form import ORDERS

STRONG = 95
NEW_TOKENS = 40
NOTHING_TO_COMPARE = (
    "No run of ordinary conversation with this model to compare with: choose the questions *chat* on the "
    "**Generate** page and start one, for percentiles and a threshold."
)


def most_tokens() -> int:
    """The box of how long an answer may be; one choice for every page."""
    return int(
        st.number_input(
            "Most tokens of an answer", 1, MOST_TOKENS, NEW_TOKENS, key="ask_tokens", persist_state="session"
        )
    )


def false_positive_rate() -> float:
    """The box of how often a threshold may alarm on ordinary conversation; one choice for every page."""
    rates = sorted(LEAST_NEGATIVES)
    return st.selectbox(
        "False alarms of the threshold",
        rates,
        index=rates.index(RATE),
        format_func=lambda rate: f"{rate:.0%} of ordinary conversation",
        key="ask_rate",
        persist_state="session",
    )


def start(page: str, speech: Speech) -> None:
    """Have the model speak in the background; the page is drawn anew."""
    before = {name: st.session_state.get(name) for name in (_key(page), "speaks_on")}
    st.session_state.update({_key(page): speech, "speaks_on": page})
    model_panel.start(work.SPEAKING, work.speak(speech, session.run_store()))
    st.session_state.update(before)  # reached only where another job runs and this was refused


def speech_on(page: str) -> Speech | None:
    """The last speech that a page of this session started."""
    return st.session_state.get(_key(page))


def show(page: str, rate: float, below: Callable[[Speech], None] = lambda speech: None) -> None:
    """Progress with its cancel button and the answers so far, redrawn by themselves while they grow.

    Args:
        rate: false-positive rate of the threshold.
        below: draws what a page shows of a speech beneath it.
    """
    job = None
    if st.session_state.get("speaks_on") == page:
        session.watch_job(work.SPEAKING)
        job = session.own_job(work.SPEAKING)
    growing = job is not None and job.state.running
    cancelled = job is not None and job.state.cancelled

    def hear() -> None:
        speech = speech_on(page)
        if speech is None or not speech.asked:
            return
        _hear(speech, rate, cancelled)
        below(speech)

    st.fragment(session.shows_refusals(hear), run_every=0.7 if growing else None)()


def _key(page: str) -> str:
    return f"speech on {page}"


def _hear(speech: Speech, rate: float, cancelled: bool) -> None:
    probe, settings = speech.probe, speech.plan.settings
    say_what(settings, speech.asked[0], speech.plan.as_run)
    tables = [speech.table(place) for place in range(len(MODES))]
    limit = strong_limit(probe.training_scores)
    for place, (column, mode, table) in enumerate(zip(st.columns(len(MODES)), MODES, tables, strict=True)):
        column.markdown(f"**{mode}**")
        colours = speak_charts.word_colours(table, limit)
        titles = speak_charts.word_titles(table, speech.names[1])
        column.html(session.token_strip(speak_charts.words(table), colours, titles))
        if speech.plan.as_run:
            column.caption(said(settings, speech.asked[place]))
        column.caption(_state(speech, speech.reading(place)))
    if cancelled:
        st.caption("Cancelled: what had been said stands.")
    both = pd.concat(tables)
    drawn = speak_charts.by_token(both, speech.names, probe.layer, speech.thresholds(rate))
    chart_with_table.show(drawn, both, "score of each token that the model writes", "speech")
    _say_how(speech, limit, speak_charts.by_percentile(both), rate)


def strong_limit(training_scores: np.ndarray) -> float:
    """The score whose colour is the strongest: most of the training answers' scores lie within."""
    return float(np.percentile(np.abs(training_scores), STRONG)) or 1.0


def _state(speech: Speech, found: StateReading | None) -> str:
    """The probe's word at the position that it was trained at, and how far that is from training."""
    position = session.as_text(speech.probe.facts["position"])
    if found is None or found.score is None:
        return f"No state at position *{position}* as the probe was trained on: no probability."
    told = [f"at position *{position}*: score {found.score:.2f}"]
    if found.benign_percentile is not None:
        told.append(f"above {found.benign_percentile:.0f} % of ordinary conversation")
    if found.probability is not None:
        told.append(f"P({session.as_text(speech.names[1])}) {found.probability:.3f}")
    told.append(f"distance from training: percentile {found.distance_percentile:.0f}")
    if found.unlike_training:
        told.append("**unlike anything in training**")
    return " · ".join(told)


def _say_how(speech: Speech, limit: float, compared: bool, rate: float) -> None:
    """What the scores are, what they can be compared with, and how far to trust them."""
    probe, names = speech.probe, [session.as_text(name) for name in speech.names]
    low, high = probe.facts.get("auroc_ci", (0.0, 1.0))
    if low <= 0.5 <= high:
        st.warning("This probe cannot be told from chance on held-out answers: its scores mean nothing yet.")
    position = session.as_text(probe.facts["position"])
    colours = (
        f"Blue leans to {names[1]}, orange to {names[0]}; the strongest colours stand for ±{limit:.1f} and "
        "beyond."
    )
    if compared:
        colours = (
            f"Blue is above half of ordinary conversation at this kind of position (to {names[1]}), orange "
            "below; the strongest colours stand for percentiles 0 and 100."
        )
    st.caption(
        f"{about(probe)} {colours} The probe was trained at position *{position}* alone: "
        "everywhere else tokens are hatched, points small and pale, no probability is given, and scores can "
        "be of any size. Template tokens are left out."
    )
    if speech.benign is None:
        st.caption(NOTHING_TO_COMPARE)
        return
    told = [compared_with(speech.benign), *(found.sentence for found in speech.thresholds(rate))]
    st.caption(session.as_text("; ".join(told) + "."))


def compared_with(benign: Benign) -> str:
    """What percentiles are among."""
    counted = {
        "words that it reads": benign.count("read"),
        "prompts": benign.count("prompt"),
        "generated tokens": benign.count("generated"),
    }
    told = [f"{n:,} {what}" for what, n in counted.items() if n]
    return f"Percentiles are among {', '.join(told)} of ordinary conversation (run {benign.run})"


def said(settings: HarvestSettings, answer: Asked) -> str:
    """What a run would read of an answer."""
    names = [session.as_text(name) for name in settings.template.choices]
    return (
        f"said: {session.as_text(answer.said or 'no choice')} · first token: P({names[1]}) "
        f"{answer.masses[1]:.3f}, P({names[0]}) {answer.masses[0]:.3f}, outside {answer.outside:.3f} · "
        f"leans {session.as_text(answer.leans)} (uncalibrated)"
    )


def say_what(settings: HarvestSettings, asked: Asked, as_run: bool = True) -> None:
    """The message that is answered, and how it was put.

    Args:
        as_run: whether as a run puts its questions.
    """
    claim = asked.question.claim
    parts = ["Put as it is", f"instruction wording {asked.arm.wording + 1}", "without template and examples"]
    if as_run:
        parts = [
            "Asked as the run asks",
            f"instruction wording {asked.arm.wording + 1}",
            ORDERS[asked.arm.order],
            f"{settings.shots} examples before it" if settings.shots else "no examples",
            *([f"with the claim {claim}"] if claim else []),
        ]
    st.caption(session.as_text(", ".join(parts)))
    st.code(asked.message, language=None, wrap_lines=True)
