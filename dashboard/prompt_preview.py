"""The exact prompts that settings come to, token by token."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import streamlit as st

from core.data.sources import load_pool, load_questions
from core.engine.plan import Arm, Plan, make_plan
from core.engine.settings import HarvestSettings
from core.models.tokenizers import load_tokenizer
from core.prompts.chat import token_table
from dashboard import session
from dashboard.harvest_form import ORDERS, told

LONG = 1_000_000


@st.cache_resource(max_entries=4, show_spinner="Laying out the prompts …")
def plan_of(cache: str, settings: HarvestSettings) -> Plan:
    """What the run of these settings would ask. Shared between sessions: not to be changed."""
    folder = Path(cache)
    questions = load_questions(folder, settings.data)
    pool = load_pool(folder, settings.data) if settings.shots else []
    return make_plan(settings, questions, pool, load_tokenizer(settings.model, folder), LONG)


def preview(settings: HarvestSettings) -> None:
    """One question's prompt in each mode, token by token with ids, special tokens marked."""
    plan = plan_of(str(session.cache()), settings)
    last = len(plan.questions) - 1
    number = st.number_input("Question", 0, last, 0, key=f"preview_number to {last}")
    wording = _one_of("Wording", settings.wordings, lambda n: told(n, list(settings.modes)))
    order = _one_of("Order", settings.orders, ORDERS.__getitem__)
    demo_set = _one_of(
        "Set of examples", tuple(range(max(1, len(plan.demonstrations)))), lambda n: f"{n + 1}"
    )
    tables = {}
    for mode in settings.modes:
        prompt = plan.prompt(plan.questions[int(number)], Arm(mode, wording, order, demo_set))
        tables[mode] = token_table(plan.tokenizer, prompt.ids)
    for mode, table in tables.items():
        st.markdown(f"**{mode}** · {len(table)} tokens")
        colours = [
            "#f6d5a8" if row["special"] else ("#eef3f8", "#dfe9f3")[row["position"] % 2] for row in table
        ]
        titles = [f"id {row['id']} · position {row['position']}" for row in table]
        st.html(session.token_strip([row["token"] for row in table], colours, titles))
    with st.expander("Tokens and ids as a table"):
        mode = st.selectbox("Mode", list(tables), key="preview table")
        st.dataframe(pd.DataFrame(tables[mode]), hide_index=True, height=260)


def _one_of(what: str, options: tuple[int, ...], shown: Callable[[int], str]) -> int:
    """The one whose prompt is shown; asked only where the run has several."""
    if len(options) == 1:
        return options[0]
    return st.selectbox(what, options, format_func=shown, key=f"preview {what}")
