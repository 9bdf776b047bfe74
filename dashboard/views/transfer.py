"""Transfer: a probe trained on each of several runs, judged on every one of them."""

import pandas as pd
import streamlit as st

from core.charts import transfer as transfer_charts
from core.errors import ProbeError
from core.probes.layer_rules import LAYER_RULES
from core.probes.methods import METHODS
from core.probes.rows import BOTH, TARGETS, ProbeSettings
from core.probes.transfer import known_transfer, to_frame
from core.store.runs import Run
from dashboard import chart_with_table, in_address, model_panel, session, work
from dashboard.need_run import need_run_of_choices
from dashboard.take_away import take_away

FEWEST = 2
MOST = 8


def main() -> None:
    """The page."""
    run = need_run_of_choices()
    asked = form(run)
    if asked is None:
        return
    runs, settings, modes = asked
    known = known_transfer(session.run_store(), runs, settings, modes)
    if known is None:
        left, right = st.columns([1, 4], vertical_alignment="center")
        if left.button("Fill the matrix", type="primary", width="stretch"):
            model_panel.start(work.TRANSFER, work.transfer(session.run_store(), runs, settings, modes))
        right.caption(
            f"{len(runs) ** 2 * len(modes)} cells, each a probe of every layer: about 5 seconds a cell for "
            "200 questions; cells that were computed before are there at once."
        )
        session.watch_job(work.TRANSFER)
        return
    cells = to_frame(known)
    picture(cells, runs)
    judge = " ".join(f"--judge-mode {mode}" for mode in modes)
    take_away(
        "Cells as CSV",
        cells,
        "transfer.csv",
        f"telltale transfer {' '.join(runs)} --method {settings.method} --target {settings.target} "
        f"--position {settings.position} --train {settings.train} --layer-rule {settings.rule} {judge}",
    )


def form(run: Run) -> tuple[list[str], ProbeSettings, list[str]] | None:
    """Which runs, and what probe."""
    store = session.run_store()
    alike = {
        r.run: r
        for r in store.runs()
        if r.answers
        and not r.facts.get("open")
        and r.facts["layers"] == run.facts["layers"]
        and r.facts["d_model"] == run.facts["d_model"]
    }
    if len(alike) < FEWEST:
        st.info(
            "Transfer needs a second run of the same model: harvest other questions, another template or "
            "another wording on **Generate**."
        )
        return None
    runs = in_address.multiselect(
        st,
        "Runs",
        list(alike),
        [run.run, next(r for r in alike if r != run.run)],
        "runs",
        max_selections=MOST,
        format_func=lambda r: alike[r].title,
        key=f"transfer runs of {run.facts['layers']} {run.facts['d_model']}",
    )
    modes = list(dict.fromkeys(mode for r in runs for mode in alike[r].settings["modes"]))
    cells = st.columns([2, 2, 2, 2, 2, 3], vertical_alignment="bottom")
    positions = store.states(run.run).positions()
    method = in_address.selectbox(cells[0], "Method", METHODS, "method", key="transfer method")
    target = in_address.selectbox(cells[1], "Target", TARGETS, "target", key="transfer target")
    position = in_address.selectbox(cells[2], "Position", positions, "position", key="transfer position")
    train = in_address.selectbox(cells[3], "Train on", [*modes, BOTH], "train", key="transfer train")
    rule = in_address.selectbox(cells[4], "Layer by", list(LAYER_RULES), "rule", key="transfer rule")
    usual = ["lie"] if "lie" in modes else modes[:1]
    judge = in_address.multiselect(cells[5], "Judge on", modes, usual, "judge", key=f"transfer judge {modes}")
    if len(runs) < FEWEST or not judge:
        st.info("Choose two runs or more, and a mode to judge on.")
        return None
    return runs, ProbeSettings(method, target, position, train, judge[0], 0, 0, rule), judge


def picture(cells: pd.DataFrame, runs: list[str]) -> None:
    """The matrix, and the worst that a probe loses by moving."""
    store = session.run_store()
    names = {run: _short(store.run(run)) for run in runs}
    there = cells.dropna(subset=["auroc"])
    own = there[there["trained"] == there["judged"]]
    away = there[there["trained"] != there["judged"]]
    if len(own) and len(away):
        worst = away.loc[away["auroc"].idxmin()]
        st.markdown(
            f"Within their own run probes reach AUROC {own['auroc'].min():.2f} to {own['auroc'].max():.2f}, "
            f"elsewhere {away['auroc'].min():.2f} to {away['auroc'].max():.2f}; lowest from "
            f"{session.as_text(names[worst['trained']])} to {session.as_text(names[worst['judged']])}: "
            f"{worst['auroc']:.2f} ({worst['low']:.2f} to {worst['high']:.2f}, n {worst['n']:,.0f})."
        )
    shown = cells.assign(trained=cells["trained"].map(names), judged=cells["judged"].map(names))
    drawn = transfer_charts.heat_map(cells, names)
    chart_with_table.show(
        drawn, shown, "AUROC of probes trained on one run and judged on another", "transfer", wide=True
    )
    st.caption(
        "The diagonal is cross-validated within its run; elsewhere a probe is judged on groups, and texts, "
        "that its training and layer choice never saw. Intervals are in the hover box and in the table."
    )
    for row in cells[cells["auroc"].isna()].to_dict("records"):
        st.warning(
            session.as_text(f"{names[row['trained']]} to {names[row['judged']]}, {row['mode']}: {row['why']}")
        )
    st.dataframe(shown.drop(columns="why").round(3), hide_index=True)


def _short(run: Run) -> str:
    data, template = run.settings["data"]["name"], run.settings["template"]["name"]
    return f"{data.rsplit('/', 1)[-1]} · {template} · {run.facts['model']} · {run.run[:6]}"


try:
    main()
except ProbeError as refused:
    st.error(session.as_text(refused))
