"""How few-shot demonstrations are answered: a choice by name, each with a sentence on what it does."""

import streamlit as st

from core.prompts.demonstrations import DEMO_ANSWERS, DemoAnswers

NAMES = {
    "truth": "truly in every mode",
    "mode": "as the mode expects",
    "random": "at random, by a seeded coin",
}


def demo_answers_form(key: str) -> DemoAnswers:
    """The chosen way; drawn only where there are demonstrations."""
    options: list[DemoAnswers] = ["truth", "mode", "random"]
    return st.radio(
        "Examples are answered",
        options,
        format_func=NAMES.__getitem__,
        captions=[DEMO_ANSWERS[option] for option in options],
        key=key,
        persist_state="session",
    )
