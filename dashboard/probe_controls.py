"""The controls of a judged probe: a switch for each in the chart, why one is absent, asking the model."""

import pandas as pd
import streamlit as st

from core import charts
from core.own_report.asking import unreported
from core.own_report.of_probe import OWN_REPORT
from core.own_report.question import CHOICES, QUESTION
from core.own_report.scores import REPORTED
from core.probes.by_layer import ProbeReport
from core.probes.controls_of_run import ControlsOfRun
from core.probes.rows import ProbeSettings
from core.store.runs import Run
from dashboard import model_panel, session, work
from dashboard.take_away import take_away

PERMUTED = "permuted"
SWITCHES_HELP = (
    "What is not switched on is not drawn. The figures above, and the sentence, are of all controls whatever "
    "is drawn."
)


def switched_on(report: ProbeReport) -> pd.DataFrame:
    """The controls that are to be drawn, with a switch for each: name, auroc, low, high."""
    found = {name: control.to_json() for name, control in report.controls.items() if control is not None}
    chosen = st.pills(
        "Controls",
        list(found),
        selection_mode="multi",
        default=list(found),
        format_func=title,
        key=f"controls {sorted(found)}",
        help=SWITCHES_HELP,
    )
    rows = [
        {"name": name, "auroc": found[name]["auroc"], "low": low, "high": high}
        for name in found
        if name in chosen
        for low, high in [found[name]["auroc_ci"]]
    ]
    return pd.DataFrame(rows, columns=["name", "auroc", "low", "high"])


def title(name: str) -> str:
    """What to call a control on screen."""
    return "permuted labels" if name == PERMUTED else charts.CONTROL[name][0]


def beside_the_chart(run: Run, judged: Run, report: ProbeReport) -> None:
    """The controls that are not to be had, the button that asks the model, and the table to take away."""
    ask_itself(run, judged, report)
    if report.absent:
        with st.expander(f"Controls that are not to be had: {len(report.absent)}"):
            for name, why in report.absent.items():
                st.markdown(f"**{title(name)}**: {session.as_text(why)}.")
    take_away(
        "Controls as CSV",
        ControlsOfRun.of_report(report).to_frame(),
        f"controls-{run.run}.csv",
        command(run, judged, report.settings),
    )


def command(run: Run, judged: Run, settings: ProbeSettings) -> str:
    """The command that gives the same table."""
    s = settings
    other = "" if judged is run else f" --test-run {judged.run}"
    return (
        f"telltale controls {run.run}{other} --method {s.method} --target {s.target} --position {s.position} "
        f"--train {s.train} --test {s.test} --layer-rule {s.rule} --seed {s.seed} "
        f"--permutations {s.permutations}"
    )


def ask_itself(run: Run, judged: Run, report: ProbeReport) -> None:
    """Where the model was not asked about all answers yet: the button that asks it, and what it does."""
    if OWN_REPORT not in report.absent or report.settings.target not in REPORTED:
        return
    store = session.run_store()
    left = {name: unreported(store, name) for name in dict.fromkeys((run.run, judged.run))}
    runs = [name for name, n in left.items() if n]
    if runs:
        button, about = st.columns([1, 4], vertical_alignment="center")
        if button.button("Ask the model itself", width="stretch"):
            model_panel.start(work.OWN_REPORT, work.own_report(store, run.run, runs))
        about.caption(
            f"After each of {sum(left.values()):,} answers the model is asked: “{QUESTION.format(*CHOICES)}” "
            "And again, with the choices the other way round. Calibrated on honest validation answers, that "
            "is a control too. What it answers is kept: asking goes on where it stopped."
        )
    session.watch_job(work.OWN_REPORT, about=run.run)
