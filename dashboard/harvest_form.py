"""The form of a harvest: questions, prompt, answering. Drawn without torch, but for the exact prompt."""

from dataclasses import asdict, replace

import pandas as pd
import streamlit as st

from core.calibration import METHODS
from core.data.chat import CHAT
from core.data.hub import PRESETS
from core.data.open_questions import OPEN
from core.data.sources import HUB, DataSettings
from core.engine.decoding import CHOICE_TOKENS, OPEN_TOKENS, POSITIONS, Decoding
from core.engine.settings import HarvestSettings
from core.errors import TelltaleError
from core.models.catalog import ModelSettings
from core.prompts.demonstrations import DEMO_SETS
from core.prompts.fitting import default_template
from core.prompts.modes import MODES, common_wordings
from core.prompts.templates import OPEN_TEMPLATES, SLOTS, Template
from dashboard import hand_over, session
from dashboard.demo_form import demo_answers_form
from dashboard.question_form import choices_of, question_form, say_correspondence, summary, with_form

AS_OPEN = {"orders": (0,)}
"""What is fixed where answers are open."""

ORDERS = ("positive first", "negative first")


def harvest_form(model: ModelSettings) -> HarvestSettings | None:
    """The settings of a harvest; None, with the reason on screen, while they do not make one."""
    try:
        hand_over.take()
        questions, prompt, answering = st.tabs(["Questions", "Prompt", "Answering"])
        with questions:
            data = question_form()
            left_out = hand_over.left_out()
            data = data and replace(data, left_out=left_out)
        with prompt:
            is_open = data is not None and data.name in OPEN
            template = open_template(data.name) if data and is_open else template_form(data)
            asked = prompt_form() | (AS_OPEN if is_open else {})
        with answering:
            answered = answering_form(asked["modes"], is_open)
        if data is None:
            return None
        with questions:
            data = with_form(data, template)
            show_questions(data, template)
        settings = HarvestSettings(data=data, template=template, model=model, **asked, **answered)
        with prompt, st.expander("The exact prompt, token by token", icon=":material/visibility:"):
            if st.toggle("Show it", key="preview", persist_state="session"):
                session.need_packages()
                from dashboard.prompt_preview import preview

                preview(settings)
    except TelltaleError as refused:
        st.error(session.as_text(refused))
        return None
    return settings


def open_template(source: str) -> Template:
    """The one wording of a source that is asked openly."""
    if source == CHAT:
        st.caption("Ordinary conversation is put as it is. No answer to it is right or wrong.")
        return OPEN_TEMPLATES[source]
    st.caption(
        "Open questions come in one wording of their own. Choice order and calibration do not apply to them. "
        "A few-shot example is answered falsely with the answer of another example."
    )
    return OPEN_TEMPLATES[source]


def template_form(data: DataSettings | None) -> Template:
    """A built-in or saved template, open to editing."""
    templates = session.saved_store().templates()
    names = list(templates)
    choices = choices_of(str(session.cache()), data) if data else ("Negative", "Positive")
    start = names.index(default_template(choices))
    key = f"template for {data.name if data else ''} {choices}"
    name = st.selectbox("Template", names, start, key=key, persist_state="session")
    template = templates[name]
    with st.expander("Edit the wording", icon=":material/edit:"):
        slots = ", ".join("{" + slot + "}" for slot in SLOTS)
        body = st.text_area(
            "Message to the model",
            template.body,
            help=f"Slots: {slots}",
            key=f"body {name}",
            persist_state="session",
        )
        cells = st.columns(3)

        def short(place: int, what: str, value: str, key: str) -> str:
            return cells[place].text_input(what, value, key=f"{key} {name}", persist_state="session")

        negative = short(0, "Negative choice", template.choices[0], "negative")
        positive = short(1, "Positive choice", template.choices[1], "positive")
        prefix = short(2, "Answer begins with", template.answer_prefix, "prefix")
        changed = replace(template, body=body, choices=(negative, positive), answer_prefix=prefix)
        if changed != template:
            new_name = st.text_input("Save under the name", f"my {name}", key=f"save {name}")
            template = replace(changed, name=new_name)
            if st.button("Save the template"):
                session.saved_store().save_template(template)
                st.toast("Saved.")
    return template


def told(wording: int, modes: list[str]) -> str:
    """The instructions of one wording, and whether the liar in the box never saw them."""
    found = [MODES[mode].wordings[wording] for mode in modes]
    new = " (new to the liar)" if all(w.held_out for w in found) else ""
    return " / ".join(w.text or "no instruction" for w in found) + new


def prompt_form() -> dict:
    """Modes, wordings, choice order, demonstrations, chat format."""
    modes = st.multiselect("Modes", list(MODES), ["honest", "lie"], key="modes", persist_state="session")
    wordings = st.multiselect(
        "Wordings of the instruction",
        list(common_wordings(modes)),
        [0],
        format_func=lambda wording: told(wording, modes),
        key="wordings",
        persist_state="session",
    )
    cells = st.columns(2)
    orders = cells[0].multiselect(
        "Choice order",
        [0, 1],
        [0],
        format_func=ORDERS.__getitem__,
        key="orders",
        persist_state="session",
    )
    shots = int(cells[1].number_input("Few-shot examples", 0, 64, 0, key="shots", persist_state="session"))
    none = shots == 0
    sets = cells[0].number_input(
        "Sets of examples",
        1,
        16,
        DEMO_SETS,
        key="demo_sets",
        disabled=none,
        persist_state="session",
        help="Each question is asked once with each set, so that no figure hangs on one choice of examples.",
    )
    seed = cells[1].number_input(
        "Seed of the examples", 0, 2**31, 0, key="demo_seed", disabled=none, persist_state="session"
    )
    answered = demo_answers_form("demo_answers") if shots else "truth"
    cells = st.columns(2)
    system = cells[0].checkbox("Instruction in the system role", True, key="system", persist_state="session")
    chat = cells[1].checkbox("Use the chat template", True, key="chat", persist_state="session")
    return {
        "modes": tuple(modes),
        "wordings": tuple(wordings),
        "orders": tuple(orders),
        "shots": shots,
        "demo_sets": int(sets) if shots else 1,
        "demo_seed": int(seed) if shots else 0,
        "demo_answers": answered,
        "system": system,
        "chat": chat,
    }


def answering_form(modes: tuple[str, ...], is_open: bool) -> dict:
    """How answers are generated, and where states are read.

    Args:
        modes: that the run asks in.
        is_open: whether answers are free text in place of choices.
    """
    most = OPEN_TOKENS if is_open else CHOICE_TOKENS
    cells = st.columns(2)
    tokens = cells[0].number_input(
        "New tokens at most",
        1,
        32,
        most,
        key=f"max_new_tokens of {most}" if is_open else "max_new_tokens",
        persist_state="session",
    )
    stop = cells[1].text_area(
        "Stop strings, one a line (\\n is a new line)",
        "\\n",
        height=90,
        key="stop",
        persist_state="session",
    )
    drawing = st.columns(3)
    temperature = drawing[0].number_input(
        "Temperature", 0.0, 5.0, 0.0, 0.1, key="temperature", persist_state="session"
    )
    seed = drawing[1].number_input("Sampling seed", 0, 2**31, 0, key="sampling_seed", persist_state="session")
    samples = drawing[2].number_input(
        "Samples", 1, 100, 1, key="samples", disabled=temperature == 0, persist_state="session"
    )
    only_lies = st.checkbox(
        "Several samples in lie mode only",
        True,
        key="samples_lie_only",
        disabled=not temperature or samples == 1,
        persist_state="session",
        help="Best of n: of each question's lie-mode samples the first that is a lie is chosen to train on. "
        "Sample 0 is never chosen and tests. The other modes answer once, at the same temperature.",
    )
    positions = st.multiselect(
        "Positions at which states are read",
        POSITIONS,
        list(POSITIONS),
        key="positions",
        persist_state="session",
        help="prompt: the last prompt token. before: the token whose output emitted the choice. answer: the "
        "choice's last token. mean: over the generated tokens. answer and mean cost one forward more.",
    )
    contrast = st.checkbox(
        "Contrast pairs",
        key="contrast",
        disabled=is_open,
        persist_state="session",
        help="Also continues each prompt with both choices, whatever the model says, and keeps the states of "
        "their last tokens: the methods ccs, crc and vinc learn from them. Two short forwards more.",
    )
    cells = st.columns(2, vertical_alignment="bottom")
    calibration = cells[0].selectbox(
        "Calibration of leans",
        METHODS,
        key="calibration",
        persist_state="session",
        help="content-free takes off what the template gives to no content. platt fits a curve on 100 "
        "labelled questions outside the run. Both are fitted under honest. What was said is not calibrated.",
    )
    per_mode = cells[1].checkbox(
        "Fit in each mode by itself",
        key="calibration_per_mode",
        disabled=calibration == "none",
        persist_state="session",
    )
    marks = tuple(line.replace("\\n", "\n") for line in stop.splitlines() if line)
    return {
        "decoding": Decoding(int(tokens), marks, float(temperature), int(seed)),
        "samples": int(samples) if temperature else 1,
        "samples_modes": ("lie",) if temperature and samples > 1 and only_lies and "lie" in modes else (),
        "calibration": calibration,
        "calibration_per_mode": per_mode,
        "positions": tuple(position for position in POSITIONS if position in positions),
        "contrast": contrast and not is_open,
    }


def show_questions(data: DataSettings, template: Template) -> None:
    """What the chosen questions amount to, and some of them."""
    preset = data.name.startswith(HUB) and data.name.removeprefix(HUB) in PRESETS
    if preset and not st.toggle("Fetch and look at them now", key="look", persist_state="session"):
        st.caption("A hub set is fetched when the run starts, or when you look at it here.")
        return
    about = summary(str(session.cache()), data)
    negative, positive = about["choices"]
    counted = f"{about['n']:,} questions in {about['groups']:,} groups"
    labels = (
        f" · {about['positive']:,} {session.as_text(positive)}, "
        f"{about['n'] - about['positive']:,} {session.as_text(negative)}"
    )
    st.caption(counted if data.name in OPEN else counted + labels)
    if about["trained"]:
        st.caption(
            f"{about['trained']:,} more are never asked: liars are trained on them, or on near-duplicates."
        )
    say_correspondence(template, about["choices"])
    few = pd.DataFrame([asdict(question) for question in about["few"]])
    few["label"] = [about["choices"][number] for number in few["label"]]
    if data.name in OPEN:
        few["answer"] = [" / ".join(answers) for answers in few["accepted"]]
        st.dataframe(few, hide_index=True, column_order=["text", "answer", "group"], height=210)
        return
    order = (
        ["text", "claim", "label", "group", "id"]
        if few["claim"].notna().any()
        else ["text", "label", "group"]
    )
    st.dataframe(few, hide_index=True, column_order=order, height=210)
