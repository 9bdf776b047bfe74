"""Keep and drop buttons for the answers that are picked somewhere, with a reason; each page uses these."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.errors import TelltaleError
from core.store.decisions import OUTCOME, REASONS, SOUND
from core.store.runs import Run
from dashboard import session


def reason_name(reason: str) -> str:
    """A reason as people choose it: those about the outcome say what they apply to."""
    return f"{reason} (training data only)" if reason in OUTCOME else reason


def record(run: str, answers: list[int], action: str, reason: str, scores_shown: bool) -> None:
    """Keep or drop, and say so; a refusal is shown on the next drawing."""
    try:
        session.decision_store().decide(run, answers, action, reason, session.who(), scores_shown)
    except TelltaleError as refused:
        st.session_state["prune_refused"] = str(refused)
        return
    many = f"{len(answers):,} answers" if len(answers) > 1 else f"answer {answers[0]}"
    st.toast(f"{many}: {action}. Undo on the Prune page (U) takes it back.")


def show_refusal() -> None:
    """What went wrong with the last decision, once."""
    if refused := st.session_state.pop("prune_refused", None):
        st.error(session.as_text(refused))


def decide(run: Run, answers: list[int], cells: Sequence[Any], key: str, scores_shown: bool) -> None:
    """A reason, and buttons that keep or drop all the given answers.

    Args:
        cells: three columns or more to draw in.
        key: tells the buttons of one place from those of another.
    """
    reason = cells[0].selectbox(
        "Reason",
        REASONS,
        None,
        key=f"reason {key}",
        format_func=reason_name,
        placeholder="choose a reason to drop",
    )
    n = len(answers)
    for cell, action, why in ((cells[1], "drop", reason), (cells[2], "keep", SOUND)):
        cell.button(
            f"{action.capitalize()} {n:,} {key}",
            key=f"{action} {key}",
            on_click=record,
            args=(run.run, answers, action, why, scores_shown),
            disabled=not answers or why is None,
            width="stretch",
        )
