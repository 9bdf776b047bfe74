"""The queue: one answer large, with its prompt and the other modes' answers; decided by single keys."""

import numpy as np
import pandas as pd
import streamlit as st

from core.answer_list import AnswerList, Filter
from core.engine.prompts import prompt_of
from core.engine.settings import HarvestSettings
from core.errors import TelltaleError
from core.labels import FLAGS
from core.models.tokenizers import load_tokenizer
from core.prompts.modes import wording_of
from core.said_names import said_names
from core.store.decision import DEFAULT_REASON, OUTCOME, REASONS
from core.store.runs import Run
from dashboard import session
from dashboard.fitted_probe import scores_of
from dashboard.prune_filters import filters
from dashboard.pruning import queue_key, reason_name, record, show_refusal, undo_redo

SIBLINGS = 30
LONG_PROMPT = 1500


def queue(run: Run, listed: AnswerList, scores_shown: bool) -> None:
    """The answers one by one, with the keys that decide on them."""
    wanted, is_open = filters(listed, "queue")
    show_refusal()
    answer = _answer_to_show(queue_key(run), listed, wanted, is_open)
    if answer is None:
        st.info(
            "No answer fits these filters."
            if not listed.count(wanted)
            else "Every answer that fits these filters is decided. **Before and after** shows what that "
            "does; another choice under Decision brings answers back."
        )
        undo_redo(run, *st.columns([1, 1, 6])[:2])
        return
    row = listed.one(answer)
    same = session.run_store().answers(run.run, numbers=np.array([row["number"]]))
    with st.container(border=True):
        st.caption(
            f"Answer {answer} · mode **{row['mode']}** · {listed.count(is_open):,} open of "
            f"{listed.count(wanted):,} · suggested: {row['flag'] or 'nothing'}"
        )
        card, others = st.columns([5, 4], gap="large")
        with st.container():  # below the card, and drawn before it: the keys work while a prompt is made
            _keys(run, same, row, listed, is_open, scores_shown)
        with card:
            _figures(run, row, scores_shown)
            _prompt(run, row)
        with others:
            _same_question(run, same, row)
            decided = session.decision_store().of_answer(run.run, answer)
            own = decided.pop(session.who(), None)
            standing = "undecided" if own is None else f"{own.action} ({own.reason})"
            st.caption(f"Your decision: {session.as_text(standing)}")
            if decided:
                st.caption(
                    "Somebody else decided too. So that you judge alone, only People and trail shows how."
                )


def _answer_to_show(key: str, listed: AnswerList, wanted: Filter, is_open: Filter) -> int | None:
    """The answer that is looked at; after a decision the next open one, from the start where none follows."""
    if (decided := st.session_state.pop("queue_after", None)) is not None:
        st.session_state[key] = listed.following(is_open, decided)
    shown = st.session_state.get(key)
    if shown is None or not listed.holds(wanted, shown):
        shown = listed.first(is_open)
        st.session_state[key] = shown
    return shown


def _figures(run: Run, row: pd.Series, scores_shown: bool) -> None:
    one = row.to_frame().T
    said, truth = said_names(run, one)
    names = run.facts["choices"]
    believes = "unsure" if pd.isna(row["believes"]) else names[int(row["believes"])]
    st.markdown(f"### {session.as_text(repr(row['generated']))}")
    cells = st.columns([3, 3, 3, 4, 3] if scores_shown else [3, 3, 3, 4])
    cells[0].metric("Said", session.as_text(said[0]))
    cells[1].metric("Truth", session.as_text(truth[0]))
    cells[2].metric("Believes", session.as_text(believes), help="What it holds under honest.")
    cells[3].metric("Verdict", row["verdict"])
    if scores_shown and (score := scores_of(run, one)) is not None:
        cells[4].metric("Probe score", f"{score[0]:+.2f}")


def _prompt(run: Run, row: pd.Series) -> None:
    """The prompt as the model read it; question and instruction where its tokenizer is not to be had."""
    try:
        with st.spinner("Making the prompt …"):
            tokenizer = load_tokenizer(HarvestSettings.from_dict(run.settings).model, session.cache())
        text = prompt_of(run, row.to_dict(), tokenizer).text
    except TelltaleError as refused:
        claim = f"\nClaim: {row['claim']}" if isinstance(row["claim"], str) else ""
        text = f"{wording_of(row['mode'], int(row['wording'])).text}\n\n{row['text']}{claim}"
        st.caption(session.as_text(f"Instruction and question only: {refused}"))
    st.code(text, language=None, wrap_lines=True, height=300 if len(text) > LONG_PROMPT else "content")


def _same_question(run: Run, same: pd.DataFrame, row: pd.Series) -> None:
    """Every answer to the question, this one first, with the probabilities at the first token."""
    same = same.assign(other=same["answer"] != row["answer"]).sort_values(["other", "mode", "answer"])
    shown = same.head(SIBLINGS)
    negative, positive = run.facts["choices"]
    table = pd.DataFrame(
        {
            "": ["" if other else "▶" for other in shown["other"]],
            "mode": shown["mode"],
            "wording": shown["wording"],
            "order": shown["order"],
            "said": said_names(run, shown)[0],
            f"P({negative})": shown["p_0"].round(2),
            f"P({positive})": shown["p_1"].round(2),
            "outside": shown["outside"].round(2),
        }
    )
    varying = [name for name in ("wording", "order") if shown[name].nunique() == 1]
    st.markdown(f"**The same question** · {len(same):,} answers")
    st.dataframe(table.drop(columns=varying), hide_index=True)
    if len(same) > SIBLINGS:
        st.caption(f"The first {SIBLINGS} of {len(same):,}.")


def _keys(
    run: Run, same: pd.DataFrame, row: pd.Series, listed: AnswerList, is_open: Filter, scores_shown: bool
) -> None:
    """Reason, and one key for each thing to do."""
    answer = int(row["answer"])
    elsewhere = same[same["mode"] != row["mode"]]
    cells = st.columns([3, 5], vertical_alignment="bottom")
    first = next((f for f in FLAGS if f in row["flag"].split("; ")), DEFAULT_REASON["drop"])
    reason = cells[0].selectbox(
        "Reason of a drop",
        REASONS,
        REASONS.index(first),
        key=f"reason {run.run} {answer}",
        format_func=reason_name,
    )
    training_only = reason in OUTCOME or scores_shown
    everywhere = cells[1].checkbox(
        "Drop it from test data too",
        key=f"everywhere {run.run} {answer}",
        disabled=not training_only,
        help="Drops for the outcome, or with scores on screen, reach training data only: a test set pruned "
        "on what is measured makes the measure. Drops for quality reach test data as they are.",
    )

    def act(action: str, answers: list[int]) -> None:
        why = reason if action == "drop" else DEFAULT_REASON[action]
        record(
            run.run,
            answers,
            action,
            why,
            scores_shown,
            "queue",
            everywhere and training_only and action == "drop",
        )
        st.session_state["queue_after"] = answer

    def move(backward: bool) -> None:
        found = listed.following(is_open, answer, backward)
        if found is None:
            st.toast("No other answer is open.")
        else:
            st.session_state[queue_key(run)] = found

    both = [answer, *(int(a) for a in elsewhere["answer"])]
    keys = st.columns([2, 3, 2, 2, 2, 2, 2, 2])
    for cell, name, key, act_on, arguments, off in (
        (keys[0], "Drop", "D", act, ("drop", [answer]), False),
        (keys[1], "Drop all modes", "A", act, ("drop", both), elsewhere.empty),
        (keys[2], "Keep", "K", act, ("keep", [answer]), False),
        (keys[3], "Unsure", "S", act, ("unsure", [answer]), False),
        (keys[4], "Back", "B", move, (True,), False),
        (keys[5], "Next", "N", move, (False,), False),
    ):
        cell.button(
            name,
            key=name.lower(),
            shortcut=key,
            type="primary" if name == "Drop" else "secondary",
            on_click=act_on,
            args=arguments,
            disabled=off,
            width="stretch",
        )
    undo_redo(run, keys[6], keys[7])
    n = len(elsewhere)
    st.caption(
        f"A drops the question's {n:,} answer{'s' if n != 1 else ''} in the other modes with this one, in "
        "one step."
        if n
        else "The question was asked in this mode only."
    )
