"""What every place that decides uses: signing, recording, undo and redo, reasons as people read them."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.errors import TelltaleError
from core.store.decision import DEFAULT_REASON, OUTCOME, REASONS
from core.store.runs import Run
from dashboard import session


def reason_name(reason: str) -> str:
    """A reason as people choose it: those about the outcome say what they apply to."""
    return f"{reason} (training data only)" if reason in OUTCOME else reason


def record(
    run: str,
    answers: list[int],
    action: str,
    reason: str,
    scores_shown: bool,
    origin: str,
    everywhere: bool = False,
) -> None:
    """One step, and say so; a refusal is shown on the next drawing. From the projection nothing is blind."""
    try:
        session.decision_store().decide(
            run,
            answers,
            action,
            reason,
            session.who(),
            scores_shown,
            blind=origin != "projection",
            everywhere=everywhere,
            origin=origin,
        )
    except TelltaleError as refused:
        refuse(refused)
        return
    many = f"{len(answers):,} answers" if len(answers) > 1 else f"answer {answers[0]}"
    st.toast(f"{many}: {action}. Undo on the Prune page (U) takes it back.")


def refuse(refused: TelltaleError) -> None:
    """Have a refusal shown on the next drawing: what a button's callback draws is gone by then."""
    st.session_state["prune_refused"] = str(refused)


def show_refusal() -> None:
    """What went wrong with the last decision, once."""
    if refused := st.session_state.pop("prune_refused", None):
        st.error(session.as_text(refused))


def queue_key(run: Run) -> str:
    """Where the session keeps the answer that this person's queue shows."""
    return f"queue_answer {run.run} {session.who()}"


def undo_redo(run: Run, undo_cell: Any, redo_cell: Any) -> None:
    """Take back this person's last step, or bring it back; the queue then shows its first answer."""

    def turn(back: bool) -> None:
        store, who = session.decision_store(), session.who()
        answers = store.undo(run.run, who) if back else store.redo(run.run, who)
        if not answers:
            st.toast(f"{session.as_text(who)} has nothing to {'take' if back else 'bring'} back.")
            return
        st.session_state[queue_key(run)] = answers[0]
        which = f"answer {answers[0]}" if len(answers) == 1 else f"{len(answers):,} answers"
        st.toast(f"{'Taken' if back else 'Brought'} back: {which}.")

    undo_cell.button("Undo", key="undo", shortcut="U", on_click=turn, args=(True,), width="stretch")
    redo_cell.button("Redo", key="redo", shortcut="Y", on_click=turn, args=(False,), width="stretch")


def decide(
    run: Run, answers: list[int], cells: Sequence[Any], key: str, scores_shown: bool, origin: str
) -> None:
    """A reason, and buttons that keep or drop all the given answers.

    Args:
        cells: three columns or more to draw in.
        key: tells the buttons of one place from those of another.
        origin: of `core.store.decision.ORIGINS`; drops made from the projection reach training data only.
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
    for cell, action, why in ((cells[1], "drop", reason), (cells[2], "keep", DEFAULT_REASON["keep"])):
        cell.button(
            f"{action.capitalize()} {n:,} {key}",
            key=f"{action} {key}",
            on_click=record,
            args=(run.run, answers, action, why, scores_shown, origin),
            disabled=not answers or why is None,
            width="stretch",
        )
