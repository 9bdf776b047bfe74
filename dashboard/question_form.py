"""Choosing questions: a built-in source, an uploaded table or a hub set; what is wrong is said at once."""

from dataclasses import replace
from pathlib import Path

import streamlit as st

from core.data.hub import PRESETS, hub_table
from core.data.open_questions import OPEN
from core.data.question import PLAIN
from core.data.sources import (
    BUILT_IN,
    HUB,
    HUB_ROWS,
    DataSettings,
    count_trained,
    load_questions,
    source_choices,
)
from core.data.styles import STYLES
from core.data.tables import SUFFIXES, keep_upload, read_table
from core.data.uploads import ColumnMapping, guess_mapping, label_sides, report_problems, with_positive
from core.errors import TelltaleError
from core.prompts.fitting import correspondence, forms
from core.prompts.templates import Template
from dashboard import session

UPLOAD, HUB_SET = "upload a table …", "hub dataset …"
LONGEST_CELL = 500
"""Characters of a cell that the preview of an upload shows."""
NONE = "(none)"
DEFAULT_N, OPEN_N = 200, 100
ABOUT = {
    "movie-reviews": "sentences of movie reviews with human ratings (Hutto and Gilbert 2014)",
    "amazon-reviews": "sentences of Amazon reviews with human ratings, same source",
    "tweets": "short messages with human ratings, same source",
    "cities": "cities in countries, with negations (GeoNames)",
    "elements": "symbols and atomic numbers of chemical elements (mendeleev)",
    "numbers": "which of two numbers is larger",
    "open-cities": "open: which country a city is in (GeoNames)",
    "open-elements": "open: symbols of chemical elements, and elements by symbol (mendeleev)",
    "open-numbers": "open: sums and differences of numbers up to 400",
    "chat": "ordinary conversation with nothing to lie about: for the false alarms of a detector",
}


def source_form() -> DataSettings | None:
    """The chosen source, in direct form and whole; None where something is still missing.

    Its widgets are the same on every page that asks for questions: what is chosen on one stays on the other.
    """
    source = st.selectbox("Questions", (*BUILT_IN, UPLOAD, HUB_SET), key="source", persist_state="session")
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
    return DataSettings(name, None, 0, "direct", mapping, split)


def question_form() -> DataSettings | None:
    """The chosen questions' settings, in direct form; None where something is still missing."""
    found = source_form()
    if found is None:
        return None
    name, mapping, source = found.name, found.mapping, st.session_state["source"]
    left, right = st.columns(2)
    start = min(DEFAULT_N, balanced_most(name, mapping)) if source == UPLOAD and mapping else DEFAULT_N
    start = min(start, OPEN_N) if name in OPEN else start
    n = left.number_input(
        "How many (balanced)", 2, 1_000_000, max(2, start), 10, key=f"n {name}", persist_state="session"
    )
    seed = right.number_input("Seed", 0, 2**31, 0, key="data_seed", persist_state="session")
    style = PLAIN if name in OPEN else _style()
    return replace(found, n=int(n), seed=int(seed), style=style)


def with_form(data: DataSettings, template: Template) -> DataSettings:
    """The settings in the form that the template can ask about; offered as a choice where both fit."""
    fitting = forms(template, choices_of(str(session.cache()), data))
    form = fitting[0]
    if len(fitting) > 1:
        form = st.radio(
            "Form",
            fitting,
            format_func=str.capitalize,
            horizontal=True,
            key="form",
            persist_state="session",
            help="Direct asks for the label. Claim states one, right for half the questions of each label, "
            "and asks whether that is true.",
        )
    elif form == "claim":
        st.caption("This template asks about claims, so questions come as such: half right, half wrong.")
    return replace(data, form=form)


def say_correspondence(template: Template, choices: tuple[str, str]) -> None:
    """Which answer stands for which label, where their names differ."""
    if (pairs := correspondence(template, choices)) is not None:
        st.caption(f"Which answer stands for which label: {session.as_text(pairs)}")


def _style() -> str:
    """How the questions are dressed, with a sentence about it."""
    style = st.selectbox(
        "Style",
        list(STYLES),
        key="style",
        persist_state="session",
        help="The same questions asked in another way. **Shifts** says what a probe loses by it.",
    )
    if style != PLAIN:
        st.caption(STYLES[style].sentence)
    return style


@st.cache_data(max_entries=8, show_spinner=False)
def balanced_most(path: str, mapping: ColumnMapping) -> int:
    """The largest balanced sample that a table's labels allow."""
    counts = read_table(path)[mapping.label].astype(str).str.strip().value_counts()
    return int(2 * counts.min())


@st.cache_data(max_entries=8, show_spinner="Reading the labels …")
def choices_of(cache: str, data: DataSettings) -> tuple[str, str]:
    """What the labels mean in direct form, negative first."""
    return source_choices(Path(cache), data)


@st.cache_data(max_entries=8, show_spinner="Reading the questions …")
def summary(cache: str, data: DataSettings) -> dict:
    """What the questions amount to: n, positive, groups, choices, how many liars learnt on, and a few."""
    questions = load_questions(Path(cache), data)
    return {
        "n": len(questions),
        "positive": sum(q.label for q in questions),
        "groups": len({q.group for q in questions}),
        "choices": questions[0].choices if questions else ("", ""),
        "few": questions[:50],
        "trained": count_trained(Path(cache), data),
    }


def _upload() -> tuple[str, ColumnMapping] | None:
    uploaded = st.file_uploader(
        "A table with a text and a label",
        [s.removeprefix(".") for s in SUFFIXES],
        key="upload",
        on_change=lambda: st.session_state.pop("uploaded", None),
    )
    try:
        if uploaded is not None:
            path = keep_upload(session.cache(), uploaded.name, uploaded.getvalue())
            st.session_state["uploaded"] = (uploaded.name, path)
        elif "uploaded" not in st.session_state:
            st.caption(
                "CSV, JSON lines or Parquet: one row a question, a label column with exactly two values."
            )
            return None
        name, path = st.session_state["uploaded"]
        if uploaded is None:  # the uploader forgets its file when another page is opened
            st.caption(f"Still in use: {session.as_text(name)}")
        frame = read_table(path)
        try:
            guess = guess_mapping(frame, name)
        except TelltaleError as unsure:
            st.warning(session.as_text(unsure))
            guess = ColumnMapping(str(frame.columns[0]), str(frame.columns[-1]))
    except TelltaleError as refused:
        st.error(session.as_text(refused))
        return None
    st.dataframe(
        frame.head(20).astype(str).apply(lambda column: column.str.slice(0, LONGEST_CELL)), height=150
    )
    columns = [str(column) for column in frame.columns]
    optional = [NONE, *columns]
    left, right = st.columns(2)

    def column(place, what: str, options: list[str], start: str | None) -> str:
        key = f"{what} in {path.parent.name}"
        return place.selectbox(what, options, options.index(start or NONE), key=key, persist_state="session")

    text = column(left, "Text column", columns, guess.text)
    label = column(right, "Label column", columns, guess.label)
    key = column(left, "Id column", optional, guess.id)
    group = column(right, "Group column", optional, guess.group)
    mapping = ColumnMapping(text, label, None if key == NONE else key, None if group == NONE else group)
    for problem in report_problems(frame, mapping, name):
        st.warning(session.as_text(problem))
    try:
        sides, _ = label_sides(frame, mapping, name)
    except TelltaleError:  # one of the problems above
        return None
    return str(path), _ask_positive(mapping, sides, f"{label} of {path.parent.name}")


def _hub() -> tuple[str, ColumnMapping | None, str | None] | None:
    preset = st.selectbox("Hub dataset", (*PRESETS, "another …"), key="hub_preset", persist_state="session")
    if preset in PRESETS:
        return f"{HUB}{preset}", None, None
    name = st.text_input("Owner/name", key="hub_id", persist_state="session").strip()
    left, middle, right = st.columns(3)
    text = left.text_input("Text column", key="hub_text", persist_state="session").strip()
    label = middle.text_input("Label column", key="hub_label", persist_state="session").strip()
    split = right.text_input("Split", key="hub_split", persist_state="session").strip() or None
    if not name:
        st.caption("Name a set, and its columns unless their names say what they are.")
        return None
    if not st.toggle("Fetch it now", key=f"fetch {name}", persist_state="session"):
        st.caption("The set is fetched first, so that you see its labels before anything is asked.")
        return None
    given = ColumnMapping(text, label) if text and label else None
    try:
        mapping, sides = _hub_labels(str(session.cache()), name, split, given)
    except TelltaleError as refused:
        st.error(session.as_text(refused))
        return None
    return f"{HUB}{name}", _ask_positive(mapping, sides, f"{mapping.label} of {name} {split}"), split


@st.cache_data(max_entries=8, show_spinner="Fetching the set …")
def _hub_labels(
    cache: str, name: str, split: str | None, given: ColumnMapping | None
) -> tuple[ColumnMapping, tuple[str, str]]:
    frame, mapping, source = hub_table(name, split, given, HUB_ROWS, cache=Path(cache))
    return mapping, label_sides(frame, mapping, source)[0]


def _ask_positive(mapping: ColumnMapping, sides: tuple[str, str], key: str) -> ColumnMapping:
    positive = st.selectbox(
        "Which value is the positive one",
        sides,
        1,
        key=f"positive {key}",
        persist_state="session",
        help="It goes with the template's positive choice: what Positive, Yes or True would say.",
    )
    return with_positive(mapping, sides, positive)
