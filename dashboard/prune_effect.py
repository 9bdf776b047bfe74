"""Before and after, side by side: counts by cell, rates, and a probe on the whole and the pruned test set."""

import contextlib

import pandas as pd
import streamlit as st

from core import charts
from core.charts.pruning import side_by_side
from core.errors import TelltaleError
from core.jobs import JOBS
from core.probes.by_layer import ProbeReport
from core.probes.of_run import known_report
from core.probes.rows import ProbeSettings, default_modes
from core.pruning.effect import counts_by_cell, probe_areas, rates
from core.pruning.lost import lost_classes
from core.store.runs import Run
from dashboard import chart_with_table, session, work

TESTS = {
    "whole": "whole test set",
    "pruned": "test set without what was dropped",
    "known": "test set, known questions",
}


def effect(run: Run, frame: pd.DataFrame) -> None:
    """What the decisions do."""
    if not (frame["dropped"] | frame["dropped_outcome"]).any():
        st.info(
            "Nothing is dropped yet: before and after are the same. **Rules** and **Queue** drop answers."
        )
    left, right = st.columns(2, gap="large")
    with left:
        _cells(run, frame)
    with right:
        _rates(run, frame)
    st.divider()
    _probe(run, frame)


def _cells(run: Run, frame: pd.DataFrame) -> None:
    st.markdown("**Answers by mode and truth**")
    names = run.facts["choices"]
    cells = counts_by_cell(frame)
    cells["truth"] = [names[int(label)] for label in cells["label"]]
    before, after = (cells.rename(columns={part: "n"}) for part in ("before", "training"))
    shown = cells[["mode", "truth", "before", "test", "training"]]
    chart_with_table.show(
        charts.class_balance(before, after, tuple(names)),
        shown.rename(columns={"test": "left as test data", "training": "left as training data"}),
        "answers by mode and truth, before and after pruning",
        "balance",
    )


def _rates(run: Run, frame: pd.DataFrame) -> None:
    st.markdown("**Rates**")
    found = rates(session.judged_answers(run), frame)
    found["what"] = found["rate"] + ", " + found["questions"] + " questions"
    found["when"] = found["decisions"].map({"none": "before", "these": "after quality drops"})
    lines = found.rename(columns={"share": "value"})
    if lines["value"].isna().all():
        st.info("No answer can be read yet: rates need answers that hold a choice.")
        return
    chart_with_table.show(
        side_by_side(lines, "share of readable answers (95 % interval)", "rate"),
        lines[["what", "when", "value", "low", "high", "n"]],
        "rates before and after pruning",
        "rates",
        wide=True,
    )
    found["text"] = [_share(*row) for row in found[["share", "low", "high", "n"]].itertuples(index=False)]
    st.dataframe(_beside(found, "text").rename(columns={"what": "rate"}), hide_index=True)
    st.caption(
        "Answers dropped for their outcome count in these rates: a rate of lies among answers picked for "
        "being lies says nothing. Under honest the known questions are right by construction."
    )


def _beside(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """One line for each `what`, with the text of each `when` beside the other, in their order."""
    wide = rows.pivot(index="what", columns="when", values=column)
    return wide.loc[list(dict.fromkeys(rows["what"])), list(dict.fromkeys(rows["when"]))].reset_index()


def _share(share: float | None, low: float | None, high: float | None, n: int) -> str:
    return "–" if share is None or pd.isna(share) else f"{share:.0%} ({low:.0%}–{high:.0%}), n {n:,}"


def _probe(run: Run, frame: pd.DataFrame) -> None:
    """The default probe without and with the decisions; without alone where those leave one class."""
    st.markdown("**A probe, trained before and after**")
    train, test = default_modes(frame["mode"].unique())
    settings = ProbeSettings(train=train, test=test, permutations=0)
    lost = lost_classes(session.judged_answers(run), frame, settings)
    if lost:
        names = tuple(run.facts["choices"])
        st.warning("\n".join(f"- {session.as_text(entry.sentence(names))}" for entry in lost))
    trainable = not any(entry.stops_training for entry in lost)
    store = session.run_store()
    before = known_report(store, run.run, settings, pruned=False)
    after = known_report(store, run.run, settings, test_pruned=False) if trainable else None
    if before is None or (after is None and trainable):
        _compute(run, settings, trainable)
        return
    if after is None:
        st.caption("What can be computed all the same: the probe that was trained without any decision.")
    _areas(before, after, frame)


def _areas(before: ProbeReport, after: ProbeReport | None, frame: pd.DataFrame) -> None:
    """Each probe's AUROC on the whole test set and on parts of it, drawn and in figures."""
    table = probe_areas(before, after, frame)
    table["what"] = [TESTS[test] for test in table["test"]]
    table["when"] = ["trained on " + trained for trained in table["trained"]]
    lines = table.rename(columns={"auroc": "value"})
    chart, figures = st.columns(2, gap="large")
    with chart:
        chart_with_table.show(
            side_by_side(lines, "AUROC of truth (95 % interval)", "judged on", 0.5),
            lines[["what", "when", "value", "low", "high", "n"]],
            "AUROC of the probe before and after pruning",
            "areas",
            wide=True,
        )
    table["text"] = [
        "one class only" if pd.isna(r.auroc) else f"{r.auroc:.3f} ({r.low:.3f}–{r.high:.3f})"
        for r in table.itertuples()
    ]
    wide = _beside(table, "text").merge(table[["what", "n"]].drop_duplicates(), on="what")
    figures.dataframe(wide.rename(columns={"what": "AUROC on the"}), hide_index=True)
    trained = [("all answers", before)] + ([] if after is None else [("what is left", after)])
    told = [f"Trained on {on}: n {report.n_train:,}, layer {report.layer}." for on, report in trained]
    figures.caption(" ".join([*told, "95 % intervals in brackets."]))
    st.caption(
        f"Logistic regression on truth, trained on {before.settings.train} and judged on "
        f"{before.settings.test} answers to questions that neither training nor the choice of the layer saw. "
        "The whole test set has every answer, dropped or not; a gain on the pruned one alone comes from what "
        "was taken out of it."
    )


def _compute(run: Run, settings: ProbeSettings, after: bool) -> None:
    """Fit the probes in the background when nothing else runs, and show how that stands."""
    store = session.run_store()
    job = JOBS.get(work.PRUNING)
    standing = (run.run, run.answers, session.decision_store().version(run.run))
    stood = st.session_state.get("pruning judged") == standing
    failed = job is not None and not job.state.running and job.state.error and stood
    again = failed and st.button("Try again")
    if JOBS.running() is None and (again or not failed):
        # Somebody else may be quicker: then it is computed when theirs is done.
        with contextlib.suppress(TelltaleError):
            todo = work.effect_of_pruning(store, run.run, settings, after)
            job = JOBS.start(work.PRUNING, todo, gives_way=True)
            st.session_state["pruning judged"] = standing
    running = job is not None and job.state.running
    if (not running and not failed) or session.watch_job(work.PRUNING, about=run.run) is None:
        st.caption("The probe before and after pruning is computed when the running job is done.")
