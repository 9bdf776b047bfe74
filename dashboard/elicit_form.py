"""The form of an elicitation: which grid, on how many questions; and what that costs before it starts."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from core.data.sources import DataSettings
from core.elicit.defaults import default_templates
from core.elicit.grid import OFFERS, Cell, Unfit, lay_out, shows_system
from core.elicit.halving import kept, planned_answers, rung_sizes
from core.elicit.settings import FIRST_RUNG, MODES, ORDERS, QUESTIONS, SHOTS, WORDINGS, ElicitSettings
from core.errors import TelltaleError
from core.models.catalog import ModelSettings
from core.models.tokenizers import load_tokenizer
from core.prompts.chat import chat_format
from core.prompts.demonstrations import DEMO_SETS
from core.prompts.modes import common_wordings, wording_of
from dashboard import session
from dashboard.demo_form import demo_answers_form
from dashboard.harvest_form import told
from dashboard.question_form import choices_of, source_form

ROLES = {True: "system role", False: "user's turn"}
MANY = 10_000
"""Answers from which a search is said to be long."""


def elicit_form(model: ModelSettings) -> ElicitSettings | None:
    """The settings of a search; None, with the reason on screen, while they do not make one."""
    try:
        data = source_form()
        if data is None:
            return None
        settings = _grid_form(data, model)
        cells, unfit = grid_of(str(session.cache()), settings)
    except TelltaleError as refused:
        st.error(session.as_text(refused))
        return None
    _say_cost(settings, cells, unfit)
    return settings


def _grid_form(data: DataSettings, model: ModelSettings) -> ElicitSettings:
    choices = choices_of(str(session.cache()), data)
    templates = session.saved_store().templates()
    names = st.multiselect(
        "Templates",
        list(templates),
        [template.name for template in default_templates(choices)],
        key=f"elicit templates {choices}",
        persist_state="session",
    )
    wordings = st.multiselect(
        "Wordings of the instruction (honest / lie)",
        list(common_wordings(MODES)),
        list(WORDINGS),
        format_func=lambda wording: f"{wording} · {told(wording, list(MODES))}",
        key="elicit wordings",
        persist_state="session",
    )
    with st.expander(f"{len(wordings)} of {len(common_wordings(MODES))} wordings are chosen: in full"):
        st.dataframe(_in_full(wordings), hide_index=True)
    left, middle, right = st.columns(3)
    shots = left.multiselect(
        "Few-shot examples", [0, 1, 2, 4, 8, 16], list(SHOTS), key="elicit shots", persist_state="session"
    )
    roles = middle.multiselect(
        "The instruction stands in",
        list(ROLES),
        list(ROLES),
        format_func=ROLES.__getitem__,
        key="elicit roles",
        persist_state="session",
    )
    orders = right.multiselect(
        "Choice order",
        list(ORDERS),
        list(ORDERS),
        format_func=OFFERS.__getitem__,
        key="elicit orders",
        persist_state="session",
        help="A model may answer by the order in which it reads the choices. A template that names them in "
        "one order, whatever is asked for, is tried once.",
    )
    answered = demo_answers_form("elicit demo_answers") if any(shots) else "truth"
    left, middle, right = st.columns(3)
    n = left.number_input(
        "Last rung (n)",
        2,
        2000,
        QUESTIONS,
        2,
        key="elicit n",
        persist_state="session",
        help="Questions that the last rung is judged on, half of each label. Their groups hold a "
        "fifth of the source: the rest stays for the run.",
    )
    start = middle.number_input(
        "Smallest rung (n)",
        2,
        2000,
        FIRST_RUNG,
        2,
        key="elicit start",
        persist_state="session",
        help="No rung is judged on fewer questions. Few are cheap, and halve cells away by luck.",
    )
    seed = right.number_input("Seed", 0, 2**31, 0, key="elicit seed", persist_state="session")
    return ElicitSettings(
        data=replace(data, seed=int(seed)),
        templates=tuple(templates[name] for name in names),
        wordings=tuple(wordings),
        model=model,
        shots=tuple(sorted(shots)),
        system=tuple(roles),
        orders=tuple(orders),
        n=int(n),
        start=int(start),
        demo_sets=DEMO_SETS,
        demo_answers=answered,
    )


def _in_full(wordings: list[int]) -> pd.DataFrame:
    """What the model is told, and where in the prompt it stands."""
    rows = []
    for number in wordings:
        honest, lie = (wording_of(mode, number) for mode in MODES)
        rows.append({"wording": number, "honest": honest.text, "lie": lie.text, "place": lie.place})
    return pd.DataFrame(rows, columns=["wording", "honest", "lie", "place"])


@st.cache_data(max_entries=16, show_spinner="Laying out the grid …")
def grid_of(cache: str, settings: ElicitSettings) -> tuple[list[Cell], list[Unfit]]:
    """The cells that fit, and what does not."""
    tokenizer = load_tokenizer(settings.model, Path(cache))
    form = chat_format(tokenizer, True, settings.chat)
    return lay_out(settings, choices_of(cache, settings.data), shows_system(form))


def _say_cost(settings: ElicitSettings, cells: list[Cell], unfit: list[Unfit]) -> None:
    sizes = rung_sizes(len(cells), settings.n, settings.start)
    rungs, left = [], len(cells)
    for size in sizes:
        rungs.append(f"{left:,} on {size:,}")
        left = kept(left)
    total = planned_answers(len(cells), sizes, len(MODES))
    st.caption(
        f"{len(cells):,} cells: {', then '.join(rungs)} questions in both modes. {total:,} answers in all; "
        "no states are stored."
    )
    if total >= MANY:
        st.warning(
            f"{total:,} answers take long: two cores make some twenty a second with the model in the box. "
            "Fewer wordings, templates or examples make a smaller grid."
        )
    if unfit:
        lines = "  \n".join(session.as_text(f"Left out: {entry.what}: {entry.why}.") for entry in unfit)
        st.caption(lines)
