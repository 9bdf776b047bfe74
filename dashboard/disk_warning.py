"""Says before a harvest is started that it would pass the disk or the budget."""

import os

import streamlit as st

from core.engine.settings import HarvestSettings
from core.models.shape import shape_of
from core.store.disk import harvest_bytes, warning
from core.store.places import VARIABLE as STATES_ELSEWHERE
from dashboard import session
from dashboard.question_form import summary


def show(settings: HarvestSettings) -> None:
    """The warning, where there is one and the questions and the model are at hand."""
    shape = shape_of(settings.model, session.cache())
    if shape is None or settings.data.name.startswith("hub:"):
        return
    answers = settings.answers_to(summary(str(session.cache()), settings.data)["n"])
    vectors = 0 if os.environ.get(STATES_ELSEWHERE) else settings.vectors
    told = warning(session.cache(), harvest_bytes(answers, vectors, *shape))
    if told is not None:
        st.warning(session.as_text(told[0].upper() + told[1:] + "."))
