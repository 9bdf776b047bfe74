"""Choosing questions: a built-in source, an uploaded table or a hub set; what is wrong is said at once."""

import streamlit as st

from core.data.hub import PRESETS
from core.data.sources import BUILT_IN, HUB, DataSettings, load_questions
from core.data.tables import SUFFIXES, keep_upload, read_table
from core.data.uploads import ColumnMapping, guess_mapping, report_problems
from core.errors import TelltaleError
from core.prompts.templates import Template
from dashboard import session

UPLOAD, HUB_SET = "upload a table …", "hub dataset …"
STATEMENTS = ("cities", "elements", "numbers")
ABOUT = {
    "movie-reviews": "5,754 sentences of movie reviews with human ratings (Hutto and Gilbert 2014)",
    "amazon-reviews": "sentences of Amazon reviews with human ratings, same source",
    "cities": "cities in countries, with negations (GeoNames)",
    "elements": "symbols and atomic numbers of chemical elements (mendeleev)",
    "numbers": "which of two numbers is larger",
}


def question_form() -> DataSettings | None:
    """The chosen questions' settings without their form; None where something is still missing."""
    source = st.selectbox("Questions", (*BUILT_IN, UPLOAD, HUB_SET), key="source")
    if source in ABOUT:
        st.caption(ABOUT[source])
        name, mapping, split = source, None, None
    elif source == UPLOAD:
        found = _upload()
        if found is None:
            return None
        (name, mapping), split = found, None
    else:
        found_hub = _hub()
        if found_hub is None:
            return None
        name, mapping, split = found_hub
    left, right = st.columns(2)
    n = left.number_input("How many (balanced)", 2, 1_000_000, 200, 10, key="n")
    seed = right.number_input("Seed", 0, 2**31, 0, key="data_seed")
    return DataSettings(name, int(n), int(seed), "direct", mapping, split)


def with_form(data: DataSettings, template: Template) -> DataSettings:
    """The settings in the form that the template can ask about; offered as a choice where both fit."""
    from dataclasses import replace

    if data.name in STATEMENTS:
        return data
    if template.asks_for_truth:
        st.caption("This template asks True or False, so questions come as claims: half right, half wrong.")
        return replace(data, form="claim")
    return data


@st.cache_data(max_entries=8, show_spinner="Reading the questions …")
def summary(cache: str, data: DataSettings) -> dict:
    """What the questions amount to: n, positive, groups, choices, and a few of them."""
    from pathlib import Path

    questions = load_questions(Path(cache), data)
    return {
        "n": len(questions),
        "positive": sum(q.label for q in questions),
        "groups": len({q.group for q in questions}),
        "choices": questions[0].choices if questions else ("", ""),
        "few": questions[:50],
    }


def _upload() -> tuple[str, ColumnMapping] | None:
    uploaded = st.file_uploader("A table with a text and a label", [s.removeprefix(".") for s in SUFFIXES])
    if uploaded is None:
        st.caption("CSV, JSON lines or Parquet: one row a question, a label column with exactly two values.")
        return None
    try:
        path = keep_upload(session.cache(), uploaded.name, uploaded.getvalue())
        frame = read_table(path)
        try:
            guess = guess_mapping(frame, uploaded.name)
        except TelltaleError as unsure:
            st.warning(session.as_text(unsure))
            guess = ColumnMapping(str(frame.columns[0]), str(frame.columns[-1]))
    except TelltaleError as refused:
        st.error(session.as_text(refused))
        return None
    st.dataframe(frame.head(20).astype(str), height=150)
    columns = [str(column) for column in frame.columns]
    optional = ["(none)", *columns]
    left, right = st.columns(2)
    text = left.selectbox("Text column", columns, columns.index(guess.text))
    label = right.selectbox("Label column", columns, columns.index(guess.label))
    key = left.selectbox("Id column", optional, optional.index(guess.id or "(none)"))
    group = right.selectbox("Group column", optional, optional.index(guess.group or "(none)"))
    mapping = ColumnMapping(
        text, label, None if key == "(none)" else key, None if group == "(none)" else group
    )
    for problem in report_problems(frame, mapping, uploaded.name):
        st.warning(session.as_text(problem))
    return str(path), mapping


def _hub() -> tuple[str, ColumnMapping | None, str | None] | None:
    preset = st.selectbox("Hub dataset", (*PRESETS, "another …"), key="hub_preset")
    if preset in PRESETS:
        return f"{HUB}{preset}", None, None
    name = st.text_input("Owner/name", key="hub_id").strip()
    left, middle, right = st.columns(3)
    text = left.text_input("Text column", key="hub_text").strip()
    label = middle.text_input("Label column", key="hub_label").strip()
    split = right.text_input("Split", key="hub_split").strip() or None
    if not name:
        st.caption("Name a set, and its columns unless their names say what they are.")
        return None
    return f"{HUB}{name}", ColumnMapping(text, label) if text and label else None, split
