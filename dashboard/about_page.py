"""What explains a page in place, drawn only while it is open: its own help, and what the words mean."""

from pathlib import Path

import streamlit as st

HELP = Path(__file__).with_name("help")
DEFAULT_PAGE = "generate"
GLOSSARY = "glossary"


@st.fragment
def show(page: str) -> None:
    """What the page shows, what its axes are, what chance would give, what it cannot tell; folded at first.

    Args:
        page: its path, after which its text in `help/` is called; empty for the default page.
    """
    name = page or DEFAULT_PAGE
    box = st.expander("What am I looking at?", key=f"about {name}", type="compact", on_change="rerun")
    if box.open:
        box.markdown(_text(name))


@st.fragment
def words() -> None:
    """The glossary, beside whatever page is open."""
    box = st.popover("What the words mean", icon=":material/menu_book:", key="words", on_change="rerun")
    if box.open:
        box.markdown(_text(GLOSSARY))


def _text(name: str) -> str:
    return (HELP / f"{name}.md").read_text(encoding="utf-8")
