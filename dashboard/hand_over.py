"""Hands settings that were found elsewhere, such as an elicitation's winner, to the Generate form.

The form's widgets keep their values under keys of the browser session: these are set before they are drawn.
"""

from pathlib import Path

import streamlit as st

from core.data.hub import PRESETS
from core.data.sources import BUILT_IN, HUB, DataSettings, source_choices
from core.elicit.store import ElicitStore
from core.engine.settings import HarvestSettings
from dashboard import session
from dashboard.question_form import HUB_SET, UPLOAD

WAITING = "settings handed over"
LEFT_OUT = "left_out"


def offer(settings: HarvestSettings) -> None:
    """Have the Generate form show these settings when it is drawn next."""
    st.session_state[WAITING] = settings


def take() -> None:
    """Put what was offered into the form; called before its widgets are drawn."""
    settings: HarvestSettings | None = st.session_state.pop(WAITING, None)
    if settings is None:
        return
    keys: dict[str, object] = {
        "modes": list(settings.modes),
        "wordings": list(settings.wordings),
        "orders": list(settings.orders),
        "shots": settings.shots,
        "system": settings.system,
        "chat": settings.chat,
        "max_new_tokens": settings.decoding.max_new_tokens,
        "stop": "\n".join(mark.replace("\n", "\\n") for mark in settings.decoding.stop),
        "temperature": settings.decoding.temperature,
        "sampling_seed": settings.decoding.seed,
        "form": settings.data.form,
        "style": settings.data.style,
        LEFT_OUT: settings.data.left_out,
        "leave out": True,
    }
    if settings.shots:
        keys |= {
            "demo_sets": settings.demo_sets,
            "demo_seed": settings.demo_seed,
            "demo_answers": settings.demo_answers,
        }
    st.session_state.update(keys | _source(settings.data) | _template(settings))


def left_out() -> str | None:
    """The elicitation whose questions the run leaves out, with the switch that says so; None for none."""
    elicitation = st.session_state.get(LEFT_OUT)
    if elicitation is None:
        return None
    on = st.toggle(
        "Leave out the questions that picked these settings",
        True,
        key="leave out",
        persist_state="session",
        help="With their whole groups, among questions and examples. With them the run's figures would be as "
        "optimistic as the elicitation's own.",
    )
    groups, _ = ElicitStore(session.cache()).used(elicitation)
    if on:
        st.caption(f"Leaves out {len(groups):,} groups of questions that elicitation {elicitation} used.")
        return elicitation
    st.warning(
        "The questions that picked these settings may be asked again: the run's figures are optimistic."
    )
    return None


def _source(data: DataSettings) -> dict[str, object]:
    if data.name in BUILT_IN:
        return {"source": data.name}
    if data.name.startswith(HUB):
        name = data.name.removeprefix(HUB)
        if name in PRESETS:
            return {"source": HUB_SET, "hub_preset": name}
        mapping = data.mapping
        names = mapping.label_names if mapping else None
        positive: dict[str, object] = (
            {f"positive {mapping.label} of {name} {data.split}": names[1]} if mapping and names else {}
        )
        return positive | {
            "source": HUB_SET,
            "hub_preset": "another …",
            "hub_id": name,
            "hub_text": mapping.text if mapping else "",
            "hub_label": mapping.label if mapping else "",
            "hub_split": data.split or "",
            f"fetch {name}": True,
        }
    path = Path(data.name)
    return {"source": UPLOAD, "uploaded": (path.name, path)} | _columns(data, path)


def _columns(data: DataSettings, path: Path) -> dict[str, object]:
    """What the columns of an uploaded table mean, under the keys of the question form."""
    mapping, place = data.mapping, path.parent.name
    if mapping is None:
        return {}
    keys: dict[str, object] = {
        f"Text column in {place}": mapping.text,
        f"Label column in {place}": mapping.label,
    }
    for what, column in (("Id", mapping.id), ("Group", mapping.group)):
        if column:
            keys[f"{what} column in {place}"] = column
    if mapping.label_names:
        keys[f"positive {mapping.label} of {place}"] = mapping.label_names[1]
    return keys


def _template(settings: HarvestSettings) -> dict[str, object]:
    """The template by its name, and its text where that name now stands for another."""
    template, store = settings.template, session.saved_store()
    if template.name not in store.templates():
        store.save_template(template)
    choices = source_choices(session.cache(), settings.data)
    return {
        f"template for {settings.data.name} {choices}": template.name,
        f"body {template.name}": template.body,
        f"negative {template.name}": template.choices[0],
        f"positive {template.name}": template.choices[1],
        f"prefix {template.name}": template.answer_prefix,
    }
