"""Says before a harvest is started that it would pass the disk or the budget."""

import streamlit as st

from core.engine.settings import HarvestSettings
from core.models.shape import shape_of
from core.store.disk import harvest_bytes, warning
from dashboard import session
from dashboard.question_form import summary


def show(settings: HarvestSettings) -> None:
    """The warning, where there is one and the questions and the model are at hand."""
    shape = shape_of(settings.model, session.cache())
    if shape is None or settings.data.name.startswith("hub:"):
        return
    answers = settings.answers_to(summary(str(session.cache()), settings.data)["n"])
    told = warning(session.cache(), harvest_bytes(answers, settings.vectors, *shape))
    if told is not None:
        st.warning(session.as_text(told[0].upper() + told[1:] + "."))
