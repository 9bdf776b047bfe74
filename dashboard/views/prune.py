"""Prune: throw out bad answers by hand, with a reason for each, and see what that does to the measure."""

import contextlib
from collections.abc import Sequence
from typing import Any

import joblib
import pandas as pd
import streamlit as st

from core.errors import TelltaleError
from core.jobs import JOBS
from core.labels import FLAGS
from core.probes.of_run import known_report
from core.probes.rows import ProbeSettings, default_modes
from core.store.decisions import REASONS, SOUND
from core.store.runs import Run
from dashboard import charts, session, work
from dashboard.answer_table import answer_rows, said_names, scores_of
from dashboard.pruning import decide, reason_name, record, show_refusal

PAGE = 500


def main() -> None:
    """The page."""
    run, frame = session.need_answers()
    part, scores_shown = filters(run, frame)
    left, right = st.columns([3, 2], gap="large")
    with left:
        card(run, part, scores_shown)
        table(run, part, scores_shown)
    with right:
        effect(run, frame)
        trail(run)


def filters(run: Run, frame: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """The answers to look at, suggested drops first; and whether the probe's scores are on screen."""
    cells = st.columns([2, 3, 2, 2], vertical_alignment="bottom")
    modes = list(dict.fromkeys(frame["mode"]))
    mode = cells[0].segmented_control(
        "Answers",
        [*modes, "all"],
        default="lie" if "lie" in modes else "all",
        key=f"prune_mode {modes}",
        persist_state="session",
    )
    part = frame if mode in (None, "all") else frame[frame["mode"] == mode]
    counts = {flag: int(part["flag"].str.contains(flag, regex=False).sum()) for flag in FLAGS}
    flags = cells[1].multiselect(
        "Suggested because", FLAGS, key="prune_flags", format_func=lambda f: f"{f} ({counts[f]:,})"
    )
    if flags:
        part = part[part["flag"].apply(lambda found: any(flag in found for flag in flags))]
    decided = cells[2].selectbox("Decision", ("any", "undecided", "dropped", "kept"), key="prune_decided")
    if decided != "any":
        part = part[part["action"] == {"undecided": "", "dropped": "drop", "kept": "keep"}[decided]]
    scores_shown = cells[3].toggle(
        "Show probe scores", key="prune_scores", help="Each decision remembers whether they were on screen."
    )
    part = part.assign(suggested=part["flag"] != "").sort_values(
        ["suggested", "flag", "answer"], ascending=[False, True, True], kind="stable"
    )
    if scores_shown:
        scores = scores_of(run, part)
        if scores is None:
            st.caption("No probe has been fitted to this run yet: the Probes page does that.")
            scores_shown = False
        else:
            part = part.assign(score=scores)
    return part, scores_shown


def card(run: Run, part: pd.DataFrame, scores_shown: bool) -> None:
    """One answer at a time, decided by keyboard."""
    show_refusal()
    if part.empty:
        st.info("No answer fits these filters.")
        undo_redo(run, st.columns(6))
        return
    if (wanted := st.session_state.pop("prune_answer", None)) in set(part["answer"]):
        st.session_state["prune_place"] = part["answer"].tolist().index(wanted)
    place = min(st.session_state.get("prune_place", 0), len(part) - 1)
    row = part.iloc[place]
    said, truth = said_names(run, part.iloc[[place]])
    with st.container(border=True):
        st.caption(
            f"Answer {row['answer']} · {place + 1:,} of {len(part):,} · mode {row['mode']} · "
            f"suggested: {row['flag'] or 'nothing'}"
        )
        st.text(row["text"] + (f"\nClaim: {row['claim']}" if row["claim"] else ""))
        cells = st.columns(4)
        cells[0].metric("Said", session.as_text(said[0]))
        cells[1].metric("Truth", session.as_text(truth[0]))
        cells[2].metric("Verdict", row["verdict"])
        if scores_shown:
            cells[3].metric("Probe score", f"{row['score']:+.2f}")
        st.text(f"Generated: {row['generated']!r}")
        standing = f"{row['action']} ({row['reason']})" if row["action"] else "undecided"
        first = next((f for f in FLAGS if f in row["flag"]), "other")
        reason = st.selectbox(
            "Reason",
            REASONS,
            REASONS.index(first),
            key=f"reason {run.run} {row['answer']}",
            format_func=reason_name,
        )
        answer = int(row["answer"])

        def act(action: str) -> None:
            record(run.run, [answer], action, reason if action == "drop" else SOUND, scores_shown)
            still_there = st.session_state.get("prune_decided", "any") == "any"
            if still_there:
                st.session_state["prune_place"] = place + 1

        def move(step: int) -> None:
            st.session_state["prune_place"] = max(0, place + step)

        keys = st.columns(6)
        for cell, name, act_on, argument in (
            (keys[0], "Drop", act, "drop"),
            (keys[1], "Keep", act, "keep"),
            (keys[2], "Back", move, -1),
            (keys[3], "Next", move, 1),
        ):
            cell.button(
                name,
                key=name.lower(),
                shortcut=name[0],
                type="primary" if name == "Drop" else "secondary",
                on_click=act_on,
                args=(argument,),
                width="stretch",
            )
        undo_redo(run, keys)
        st.caption(f"Now: {session.as_text(standing)}")


def undo_redo(run: Run, cells: Sequence[Any]) -> None:
    """Take back the last step, or bring it back."""
    store = session.decision_store()

    def say(answers: list[int], done: str, nothing: str) -> None:
        if answers:
            st.session_state["prune_answer"] = answers[0]
        which = f"answer {answers[0]}" if len(answers) == 1 else f"{len(answers):,} answers"
        st.toast(f"{done}: {which}." if answers else nothing)

    def undo() -> None:
        say(store.undo(run.run), "Taken back", "There is nothing to take back.")

    def redo() -> None:
        say(store.redo(run.run), "Brought back", "There is nothing to bring back.")

    cells[4].button("Undo", key="undo", shortcut="U", on_click=undo, width="stretch")
    cells[5].button("Redo", key="redo", shortcut="Y", on_click=redo, width="stretch")


def table(run: Run, part: pd.DataFrame, scores_shown: bool) -> None:
    """All answers that fit, to be chosen in bulk."""
    if part.empty:
        return
    pages = -(-len(part) // PAGE)
    page = st.number_input(f"Page of {pages}", 1, pages, 1, key="prune_page") if pages > 1 else 1
    rows = part.iloc[(page - 1) * PAGE : page * PAGE]
    shown = answer_rows(run, rows)
    shown = shown.assign(
        **{"suggested because": rows["flag"], "decision": rows["action"], "reason": rows["reason"]}
    )
    if scores_shown:
        shown["probe score"] = rows["score"].round(2)
    # Streamlit keeps the chosen places, not the answers in them: another list is another table.
    key = f"prune_table {run.run} {joblib.hash(rows['answer'].tolist())}"
    state = st.dataframe(
        shown, hide_index=True, height=360, key=key, on_select="rerun", selection_mode="multi-row"
    )
    chosen = [int(rows["answer"].iloc[n]) for n in state["selection"]["rows"] if n < len(rows)]
    cells = st.columns([3, 2, 2, 2], vertical_alignment="bottom")
    decide(run, chosen, cells, "chosen", scores_shown)
    everyone = [int(answer) for answer in part["answer"]]
    cells[3].button(
        f"Drop all {len(part):,}",
        on_click=record,
        args=(run.run, everyone, "drop", st.session_state["reason chosen"], scores_shown),
        disabled=st.session_state["reason chosen"] is None,
        help="All that are listed, on every page, for the reason chosen on the left.",
        width="stretch",
    )


def effect(run: Run, frame: pd.DataFrame) -> None:
    """What pruning does to class balance and to probe accuracy."""
    st.markdown("**What pruning does**")
    dropped, outcome = int(frame["dropped"].sum()), int(frame["dropped_outcome"].sum())
    cells = st.columns(3)
    cells[0].metric("Kept", f"{len(frame) - dropped - outcome:,}")
    cells[1].metric("Dropped", f"{dropped:,}", help="For quality: out of everything.")
    cells[2].metric(
        "Dropped in training only",
        f"{outcome:,}",
        help="For the outcome. Pruning on what is measured would make the measure: test data keep them.",
    )
    names = run.facts["choices"]

    def counted(rows: pd.DataFrame) -> pd.DataFrame:
        made = rows.groupby(["mode", "label"]).size().rename("n").reset_index()
        return made.assign(truth=[names[int(label)] for label in made["label"]])

    kept = frame[~frame["dropped"] & ~frame["dropped_outcome"]]
    st.plotly_chart(charts.class_balance(counted(frame), counted(kept), tuple(names)), key="balance")
    probe_effect(run, frame)


def probe_effect(run: Run, frame: pd.DataFrame) -> None:
    """The default probe without and with the decisions; fitted in the background when nothing else runs."""
    train, test = default_modes(frame["mode"])
    settings = ProbeSettings(train=train, test=test, permutations=0)
    store = session.run_store()
    reports = [known_report(store, run.run, settings, pruned=pruned) for pruned in (False, True)]
    if all(report is not None for report in reports):
        rows = [
            {
                "decisions": name,
                "AUROC": r.chosen.test.auroc,
                "95 % interval": "{:.3f} to {:.3f}".format(*r.chosen.test.ci),
                "accuracy": r.chosen.accuracy,
                "layer": r.layer,
                "n train": r.n_train,
                "n test": r.chosen.test.n,
            }
            for name, r in zip(("none", "these"), reports, strict=True)
            if r is not None
        ]
        st.dataframe(pd.DataFrame(rows).round(3), hide_index=True)
        st.caption(
            f"Logistic regression on truth, trained on {train} and judged on {test} answers to questions "
            "that neither training nor the choice of the layer saw."
        )
        return
    job = JOBS.get(work.PRUNING)
    standing = (run.run, run.answers, session.decision_store().version(run.run))
    stood = st.session_state.get("pruning judged") == standing
    failed = job is not None and not job.state.running and job.state.error and stood
    again = failed and st.button("Try again")
    if JOBS.running() is None and (again or not failed):
        # Somebody else may be quicker: then it is computed when theirs is done.
        with contextlib.suppress(TelltaleError):
            job = JOBS.start(work.PRUNING, work.effect_of_pruning(store, run.run, settings), gives_way=True)
            st.session_state["pruning judged"] = standing
    running = job is not None and job.state.running
    if (not running and not failed) or session.watch_job(work.PRUNING, about=run.run) is None:
        st.caption("The probe before and after pruning is computed when the running job is done.")


def trail(run: Run) -> None:
    """Who decided what when; out and in as CSV."""
    store = session.decision_store()
    st.text_input("Decisions are signed", session.default_who(), key="who", persist_state="session")
    steps = store.trail(run.run)
    st.markdown(f"**Trail** · {len(steps):,} steps")
    if steps.empty:
        st.caption("Nothing decided yet. D drops the answer shown, K keeps it, U takes the last step back.")
    else:
        steps["scores_shown"] = steps["scores_shown"].astype(bool)
        st.dataframe(steps, hide_index=True, height=220)
    st.download_button(
        "Export decisions (CSV)",
        store.export_csv(run.run),
        f"decisions-{run.run}.csv",
        "text/csv",
        on_click="ignore",
    )
    uploaded = st.file_uploader("Import decisions (CSV)", ["csv"], key="decisions_file")
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


main()
