"""What is typed into the Generate page's box, answered in both modes.

Where there is a probe of the model, each token comes with its score.
"""

import streamlit as st

from core.engine.ask import MODES, ask
from core.engine.settings import HarvestSettings
from core.errors import TelltaleError
from core.models.loading import SHELF
from core.scoring.asking import asking_of
from core.scoring.entries import class_names
from core.scoring.speech import Speech
from core.scoring.speech_plans import TypedPlan
from core.store.runs import Run
from dashboard import session, speech_panel
from dashboard.choose_probe import choose_probe
from dashboard.prompt_preview import plan_of

PAGE = "Generate"


def answer(settings: HarvestSettings, text: str | None) -> None:
    """The choice of a probe, and the answers to a text, else to the last one.

    Args:
        text: None while nothing is asked.
    """
    try:
        run = _run_of_model(settings)
        probe = None if run is None else choose_probe(run)
        if run is None or probe is None:
            st.caption(
                "Fit a probe to a run of this model, on the Probes page, to see scores while it speaks."
            )
            if text is not None:
                _ask(settings, text)
            return
        left, right = st.columns(2)
        with left:
            new_tokens = speech_panel.most_tokens()
        with right:
            rate = speech_panel.false_positive_rate()
        if text is not None:
            plan = plan_of(str(session.cache()), settings)
            names = class_names(
                probe.facts["target"], asking_of(session.run_store(), run.run, plan.tokenizer)
            )
            speech_panel.start(PAGE, Speech(TypedPlan(plan, text), probe, names, new_tokens))
    except TelltaleError as refused:
        st.error(session.as_text(refused))
        return
    speech_panel.show(PAGE, rate)


def _run_of_model(settings: HarvestSettings) -> Run | None:
    """The run that every page looks at, where its probes are of the model that is to be asked."""
    run = session.chosen_run()
    if run is None or run.facts.get("open") or not run.answers:
        return None
    return run if HarvestSettings.from_dict(run.settings).model.id == settings.model.id else None


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
        speech_panel.say_what(settings, answers[0])
    for column, answer in zip(columns, answers, strict=True):
        column.caption(speech_panel.said(settings, answer))
