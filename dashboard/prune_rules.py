"""Rules, switched on and off: what each marks, what it adds, and one step that drops it."""

import pandas as pd
import streamlit as st

from core.errors import TelltaleError
from core.pruning.apply import RuleCount, apply_rules, count_marks, drops_of
from core.pruning.rules import RULES
from core.store.decision import OUTCOME
from core.store.runs import Run
from dashboard import session
from dashboard.answer_table import answer_rows
from dashboard.pruning import refuse, show_refusal, undo_redo

ROWS = 200
WIDTHS = [4, 1, 1, 7]
ABOUT = {
    "quality": "**Quality** · how an answer reads. Drops reach training and test data.",
    "outcome": "**Outcome** · what is to be measured. Drops reach training data only: a test set pruned on "
    "what is measured makes the measure.",
}


def rules(run: Run, frame: pd.DataFrame, scores_shown: bool) -> None:
    """The registry as switches, the counts, and apply."""
    show_refusal()
    on = [name for name, rule in RULES.items() if st.session_state.get(_key(name), rule.kind == "quality")]
    judged = session.judged_answers(run)
    counts = {count.name: count for count in count_marks(judged, on)}
    for kind, about in ABOUT.items():
        st.markdown(about)
        _head()
        for name in (name for name, rule in RULES.items() if rule.kind == kind):
            _switch(counts[name], kind)
    everywhere = st.checkbox(
        "Outcome drops reach test data too", key="rules_everywhere", disabled=not set(on) & set(OUTCOME)
    )
    if everywhere and set(on) & set(OUTCOME):
        st.warning(
            "Probes will then be judged on answers that were picked by their outcome: say so in print."
        )
    standing = session.decision_store().current(run.run)
    drops = drops_of(judged, on, standing, blind=not scores_shown, everywhere=everywhere)
    reaching = sum(drop.reaches_test for drop in drops)
    cells = st.columns([3, 1, 1, 3], vertical_alignment="center")
    cells[0].button(
        f"Apply: drop {len(drops):,} answers in one step",
        type="primary",
        on_click=_apply,
        args=(run, on, scores_shown, everywhere),
        disabled=not drops,
        width="stretch",
    )
    undo_redo(run, cells[1], cells[2])
    if not drops:
        st.caption("The rules that are on mark nothing that is not decided already.")
        return
    st.caption(
        f"{reaching:,} of them from all data, {len(drops) - reaching:,} from training data only. What was "
        "decided by hand, or dropped by these rules already, stays as it is."
        + (" Probe scores are on screen, so that these drops are not blind." if scores_shown else "")
    )
    reasons = {drop.answer: drop.reason for drop in drops}
    rows = frame[frame["answer"].isin(list(reasons))]
    shown = answer_rows(run, rows.head(ROWS))
    shown.insert(1, "reason", [reasons[answer] for answer in shown["answer"]])
    st.dataframe(shown, hide_index=True, height=320)
    if len(rows) > ROWS:
        st.caption(f"The first {ROWS} of {len(rows):,} answers that would be dropped.")


def _key(name: str) -> str:
    return f"rule {name}"


def _head() -> None:
    for cell, title in zip(st.columns(WIDTHS), ("rule", "marks", "only it", "why"), strict=True):
        cell.caption(title)


def _switch(count: RuleCount, kind: str) -> None:
    cells = st.columns(WIDTHS, vertical_alignment="center")
    cells[0].checkbox(count.name, kind == "quality", key=_key(count.name), persist_state="session")
    cells[1].text(f"{count.marks:,}")
    cells[2].text(f"{count.only:,}")
    cells[3].caption(count.explanation)


def _apply(run: Run, on: list[str], scores_shown: bool, everywhere: bool) -> None:
    try:
        n = apply_rules(
            session.decision_store(),
            run.run,
            session.judged_answers(run),
            on,
            session.who(),
            scores_shown=scores_shown,
            everywhere=everywhere,
        )
    except TelltaleError as refused:
        refuse(refused)
        return
    st.toast(f"{n:,} answers dropped in one step. Undo (U) takes it back.")
