"""Who decided what: how far people agree, where they differ, every step, and decisions as CSV."""

from functools import partial

import pandas as pd
import streamlit as st

from core.agreement import agreements, disagreements
from core.errors import TelltaleError
from core.store.runs import Run
from dashboard import session
from dashboard.answer_table import answer_rows

BLIND = {1: "blind", 0: "not blind"}


def people(run: Run, frame: pd.DataFrame) -> None:
    """Agreement, disagreements, the trail, export and import."""
    left, right = st.columns(2, gap="large")
    with left:
        _agreement(run, frame)
    with right:
        _files(run)
    _disagreements(run, frame)
    _trail(run)


def _agreement(run: Run, frame: pd.DataFrame) -> None:
    st.markdown("**Agreement**")
    by_person = session.decision_store().by_person(run.run)
    pairs = agreements(by_person, frame)
    if not pairs:
        st.info(
            "No two people have judged the same answer by hand yet. Let a second person sign with another "
            "name above and go through the queue: it does not show what the first one decided."
        )
        return
    rows = []
    for pair in pairs:
        kappa = "–: one action only"
        if pair.kappa is not None and pair.kappa_ci is not None:
            kappa = f"{pair.kappa:.2f} ({pair.kappa_ci[0]:.2f} to {pair.kappa_ci[1]:.2f})"
        low, high = pair.agree_ci or (float("nan"), float("nan"))
        rows.append(
            {
                "people": " and ".join(pair.people),
                "Cohen's kappa": kappa,
                "same decision": f"{pair.agree:.0%} ({low:.0%} to {high:.0%})",
                "n judged by both": pair.n,
            }
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    st.caption(
        "95 % intervals in brackets. Keep, drop and unsure are compared; drops that rules made are left out, "
        "as a rule agrees with itself."
    )


def _disagreements(run: Run, frame: pd.DataFrame) -> None:
    by_person = session.decision_store().by_person(run.run)
    if len(by_person) < 2:
        return
    differ = disagreements(by_person, frame)
    st.markdown(f"**Disagreements** · {len(differ):,}")
    if differ.empty:
        st.caption("None.")
        return
    answers = answer_rows(run, frame[frame["answer"].isin(differ["answer"])])
    table = differ.merge(answers, on="answer")
    table["first"] = [f"{r.one}: {r.action} ({r.reason})" for r in differ.itertuples()]
    table["second"] = [f"{r.other}: {r.other_action} ({r.other_reason})" for r in differ.itertuples()]
    st.dataframe(
        table[["answer", "first", "second", "mode", "said", "truth", "question"]],
        hide_index=True,
    )
    st.caption("The last step on an answer stands: who settles a disagreement decides once more.")


def _trail(run: Run) -> None:
    steps = session.decision_store().trail(run.run)
    st.markdown(f"**Trail** · {steps['step'].nunique():,} steps")
    if steps.empty:
        st.caption("Nothing decided yet. In the queue D drops the answer shown, K keeps it, U takes it back.")
        return
    steps["at"] = steps["at"].str.slice(0, 16).str.replace("T", " ")
    steps["scores_shown"] = steps["scores_shown"].astype(bool)
    steps["everywhere"] = steps["everywhere"].astype(bool)
    steps["blind"] = [BLIND.get(value, "unknown") for value in steps["blind"]]
    order = ["at", "who", "action", "reason", "answers", "origin", "blind", "everywhere", "state", "which"]
    st.dataframe(steps, hide_index=True, column_order=order)


def _files(run: Run) -> None:
    st.markdown("**As a file**")
    store = session.decision_store()
    st.download_button(
        "Export decisions (CSV)",
        partial(store.export_csv, run.run),
        f"decisions-{run.run}.csv",
        "text/csv",
        on_click="ignore",
    )
    uploaded = st.file_uploader(
        "Import decisions (CSV), signed with the name above", ["csv"], key="decisions_file"
    )
    if uploaded is not None and st.button("Apply them"):
        try:
            content = uploaded.getvalue().decode("utf-8-sig")
            count = store.import_csv(run.run, content, session.who(), session.run_store().done(run.run))
            st.toast(f"Applied: {count:,} of the file's decisions.")
            st.rerun()
        except UnicodeDecodeError:
            st.error("The file is not UTF-8 text: export it as CSV again.")
        except TelltaleError as refused:
            st.error(session.as_text(refused))
