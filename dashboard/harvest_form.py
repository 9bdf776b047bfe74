"""The form of a harvest: questions, prompt, answering; and the exact prompt that comes of it."""

from dataclasses import asdict, replace

import pandas as pd
import streamlit as st

from core.data.sources import HUB, DataSettings, load_pool, load_questions
from core.engine.generate import POSITIONS, Decoding
from core.engine.plan import Arm, make_plan
from core.engine.settings import HarvestSettings
from core.errors import TelltaleError
from core.models.catalog import ModelSettings
from core.models.tokenizers import load_tokenizer
from core.prompts.chat import token_table
from core.prompts.modes import INSTRUCTIONS, WORDINGS
from core.prompts.templates import SLOTS, Template
from dashboard import session
from dashboard.question_form import STATEMENTS, question_form, summary, with_form

LONG = 1_000_000


def harvest_form(model: ModelSettings) -> HarvestSettings | None:
    """The settings of a harvest; None, with the reason on screen, while they do not make one."""
    questions, prompt, answering = st.tabs(["Questions", "Prompt", "Answering"])
    try:
        with questions:
            data = question_form()
        with prompt:
            template = template_form(data)
            asked = prompt_form()
        with answering:
            answered = answering_form(asked["modes"])
        if data is None:
            return None
        with questions:
            data = with_form(data, template)
            show_questions(data)
        settings = HarvestSettings(data=data, template=template, model=model, **asked, **answered)
        with prompt, st.expander("The exact prompt, token by token", icon=":material/visibility:"):
            if st.toggle("Show it", key="preview"):
                preview(settings)
    except TelltaleError as refused:
        st.error(session.as_text(refused))
        return None
    return settings


def template_form(data: DataSettings | None) -> Template:
    """A built-in or saved template, open to editing."""
    templates = session.saved_store().templates()
    names = list(templates)
    statements = data is not None and data.name in STATEMENTS
    start = names.index("true-false" if statements else "review")
    name = st.selectbox("Template", names, start, key=f"template for {data.name if data else ''}")
    template = templates[name]
    with st.expander("Edit the wording", icon=":material/edit:"):
        slots = ", ".join("{" + slot + "}" for slot in SLOTS)
        body = st.text_area("Message to the model", template.body, help=f"Slots: {slots}", key=f"body {name}")
        cells = st.columns(3)
        negative = cells[0].text_input("Negative choice", template.choices[0], key=f"negative {name}")
        positive = cells[1].text_input("Positive choice", template.choices[1], key=f"positive {name}")
        prefix = cells[2].text_input("Answer begins with", template.answer_prefix, key=f"prefix {name}")
        changed = replace(template, body=body, choices=(negative, positive), answer_prefix=prefix)
        if changed != template:
            new_name = st.text_input("Save under the name", f"my {name}", key=f"save {name}")
            template = replace(changed, name=new_name)
            if st.button("Save the template"):
                session.saved_store().save_template(template)
                st.toast("Saved.")
    return template


def prompt_form() -> dict:
    """Modes, wordings, choice order, demonstrations, chat format."""
    modes = st.multiselect("Modes", list(INSTRUCTIONS), ["honest", "lie"], key="modes")
    numbers = list(range(WORDINGS))
    wordings = st.multiselect(
        "Wordings of the instruction",
        numbers,
        [0],
        format_func=lambda n: INSTRUCTIONS["honest"][n] + " / " + INSTRUCTIONS["lie"][n],
        key="wordings",
    )
    cells = st.columns(3)
    orders = cells[0].multiselect(
        "Choice order",
        [0, 1],
        [0],
        format_func=("positive first", "negative first").__getitem__,
        key="orders",
    )
    shots = cells[1].number_input("Few-shot examples", 0, 64, 0, key="shots")
    sets = cells[2].number_input("Sets of examples", 1, 16, 1, key="demo_sets", disabled=shots == 0)
    by_mode = st.checkbox(
        "Answer the examples by the mode (falsely under lie)", key="demo_by_mode", disabled=shots == 0
    )
    cells = st.columns(2)
    return {
        "modes": tuple(modes),
        "wordings": tuple(wordings),
        "orders": tuple(orders),
        "shots": int(shots),
        "demo_sets": int(sets),
        "demo_answers": "mode" if by_mode and shots else "truth",
        "system": cells[0].checkbox("Instruction in the system role", True, key="system"),
        "chat": cells[1].checkbox("Use the chat template", True, key="chat"),
    }


def answering_form(modes: tuple[str, ...]) -> dict:
    """How answers are generated, and where states are read."""
    cells = st.columns(2)
    tokens = cells[0].number_input("New tokens at most", 1, 32, 4, key="max_new_tokens")
    stop = cells[1].text_input("Stop strings (\\n is a new line)", "\\n", key="stop")
    cells = st.columns(3)
    temperature = cells[0].number_input("Temperature", 0.0, 5.0, 0.0, 0.1, key="temperature")
    seed = cells[1].number_input("Sampling seed", 0, 2**31, 0, key="sampling_seed")
    samples = cells[2].number_input("Samples", 1, 100, 1, key="samples", disabled=temperature == 0)
    positions = st.multiselect(
        "Positions at which states are read",
        POSITIONS,
        list(POSITIONS),
        key="positions",
        help="prompt: the last prompt token. before: the token whose output emitted the choice. answer: the "
        "choice's last token. mean: over the generated tokens. answer and mean cost one forward more.",
    )
    marks = tuple(mark.replace("\\n", "\n") for mark in stop.split(",") if mark)
    return {
        "decoding": Decoding(int(tokens), marks, float(temperature), int(seed)),
        "samples": int(samples) if temperature else 1,
        "positions": tuple(position for position in POSITIONS if position in positions),
    }


def show_questions(data: DataSettings) -> None:
    """What the chosen questions amount to, and some of them."""
    if data.name.startswith(HUB) and not st.toggle("Fetch and look at them now", key="look"):
        st.caption("A hub set is fetched when the run starts, or when you look at it here.")
        return
    about = summary(str(session.cache()), data)
    negative, positive = about["choices"]
    st.caption(
        f"{about['n']:,} questions in {about['groups']:,} groups · {about['positive']:,} "
        f"{session.as_text(positive)}, {about['n'] - about['positive']:,} {session.as_text(negative)}"
    )
    few = pd.DataFrame([asdict(question) for question in about["few"]])
    few["label"] = [about["choices"][number] for number in few["label"]]
    order = (
        ["text", "claim", "label", "group", "id"]
        if few["claim"].notna().any()
        else ["text", "label", "group"]
    )
    st.dataframe(few, hide_index=True, column_order=order, height=210)


@st.cache_data(max_entries=16, show_spinner="Rendering the prompt …")
def _prompts(cache: str, settings: HarvestSettings, number: int) -> tuple[str, dict[str, list[dict]]]:
    from pathlib import Path

    folder = Path(cache)
    questions = load_questions(folder, settings.data)
    pool = load_pool(folder, settings.data) if settings.shots else []
    tokenizer = load_tokenizer(settings.model, folder)
    plan = make_plan(settings, questions, pool, tokenizer, LONG)
    question = questions[min(number, len(questions) - 1)]
    arms = [Arm(mode, settings.wordings[0], settings.orders[0], 0) for mode in settings.modes]
    return question.text, {arm.mode: token_table(tokenizer, plan.prompt(question, arm).ids) for arm in arms}


def preview(settings: HarvestSettings) -> None:
    """One question's prompt in each mode, token by token with ids, special tokens marked."""
    number = st.number_input("Question", 0, max(0, (settings.data.n or LONG) - 1), 0, key="preview_number")
    _, prompts = _prompts(str(session.cache()), settings, int(number))
    for mode, table in prompts.items():
        st.markdown(f"**{mode}** · {len(table)} tokens")
        colours = [
            "#f6d5a8" if row["special"] else ("#eef3f8", "#dfe9f3")[row["position"] % 2] for row in table
        ]
        titles = [f"id {row['id']} · position {row['position']}" for row in table]
        st.html(session.token_strip([row["token"] for row in table], colours, titles))
    with st.expander("Tokens and ids as a table"):
        st.dataframe(pd.DataFrame(next(iter(prompts.values()))), hide_index=True, height=260)
