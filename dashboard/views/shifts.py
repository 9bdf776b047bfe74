"""Shifts: what a probe loses when the questions that judge it are asked in another way."""

import streamlit as st

from core.charts import shifts as shift_charts
from core.errors import ProbeError
from core.probes.layer_rules import LAYER_RULES
from core.probes.methods import METHODS
from core.probes.rows import BOTH, TARGETS, ProbeSettings, default_modes
from core.probes.shifts_figures import Shifts
from core.probes.shifts_names import shift_name
from core.probes.shifts_of_runs import known_shifts, may_be_shift
from core.store.runs import Run
from dashboard import chart_with_table, in_address, model_panel, session, work
from dashboard.need_run import need_run_of_choices
from dashboard.take_away import take_away

MOST = 16
WHY = (
    "A probe is trained, and its layer chosen, on the run of the sidebar; it is judged on that run's test "
    "questions, and on the same questions in each shifted run. Then again, with half of the shifts in "
    "training and the other half judged. No group of questions is ever on both sides, in whatever style."
)


def main() -> None:
    """The page."""
    run = need_run_of_choices()
    asked = form(run)
    if asked is None:
        return
    shifted, settings = asked
    store, runs = session.run_store(), [record.run for record in shifted]
    found = known_shifts(store, run.run, runs, settings)
    if found is None:
        st.caption(WHY)
        left, right = st.columns([1, 4], vertical_alignment="center")
        if left.button("Judge the shifts", type="primary", width="stretch"):
            model_panel.start(work.SHIFTS, work.shifts(store, run.run, runs, settings))
        right.caption(
            f"Up to three probes at each of {run.facts['layers']} layers of {1 + len(runs)} runs. Opens the "
            "test questions of all of them, and is logged so."
        )
        session.watch_job(work.SHIFTS, about=run.run)
        return
    for part in (run, *shifted):
        if part.state != "complete":
            st.warning(f"Run {part.run} is {part.state}: figures are of its {part.answers:,} answers so far.")
    picture(run, found)
    table = found.to_frame()
    st.dataframe(table.round(3), hide_index=True)
    take_away("Figures as CSV", table, f"shifts-{run.run}.csv", command(run, runs, settings))


def form(run: Run) -> tuple[list[Run], ProbeSettings] | None:
    """Which runs ask its questions in another way, and what probe."""
    others = {r.run: r for r in session.run_store().runs() if r.answers and may_be_shift(run, r)}
    if not others:
        st.caption(WHY)
        st.info(
            "No run asks the questions of this one in another way yet. On **Generate** choose the same "
            "questions, number, seed and model and another **Style**, template or set of examples; in a "
            "shell it is `telltale harvest … --style typos`. Of two shifts or more, half can be trained on."
        )
        return None
    names = {name: f"{shift_name(run, other)} · {other.title}" for name, other in others.items()}
    chosen = in_address.multiselect(
        st,
        "Shifted runs",
        list(others),
        list(others)[:MOST],
        "shifted",
        max_selections=MOST,
        format_func=names.__getitem__,
        key=f"shifts of {run.run} among {len(others)}",
        help="Runs of the same source and model. What they share with the run of the sidebar is judged.",
    )
    if not chosen:
        st.info("Choose at least one run that asks the same questions in another way.")
        return None
    modes = list(dict.fromkeys(run.settings["modes"]))
    usual = default_modes(modes)
    cells = st.columns(6, vertical_alignment="bottom")
    method = in_address.selectbox(cells[0], "Method", METHODS, "method", key="shifts method")
    target = in_address.selectbox(cells[1], "Target", TARGETS, "target", key="shifts target")
    positions = session.run_store().states(run.run).positions()
    position = in_address.selectbox(cells[2], "Position", positions, "position", key="shifts position")
    sides = [*modes, BOTH]
    first, second = (sides.index(mode) for mode in usual)
    train = in_address.selectbox(
        cells[3], "Train on", sides, "train", index=first, key=f"shifts train {modes}"
    )
    judge = in_address.selectbox(
        cells[4], "Judge on", sides, "judge", index=second, key=f"shifts judge {modes}"
    )
    rule = in_address.selectbox(cells[5], "Layer by", list(LAYER_RULES), "rule", key="shifts rule")
    settings = ProbeSettings(method, target, position, train, judge, permutations=0, rule=rule)
    return [others[name] for name in chosen], settings


def picture(run: Run, found: Shifts) -> None:
    """One plain sentence, the drops, and what they stand on."""
    st.markdown(f"#### {session.as_text(found.sentence())}")
    table = found.to_frame()
    chart_with_table.show(shift_charts.drops(table), table, "AUROC lost by each shift", "shifts", wide=True)
    alone, *with_halves = found.trainings
    layers = ", ".join(str(training.layer) for training in with_halves)
    half = f"; with either half at layers {layers}" if with_halves else ""
    says = [
        f"Trained on {alone.n_train:,} answers of run {run.run} alone, judged at layer {alone.layer}{half}.",
        *found.notes(),
        f"{found.n_dropped:,} answers pruned. A gain is over the probe of the unshifted run alone, on the "
        "same answers.",
    ]
    st.caption(session.as_text(" ".join(says)))


def command(run: Run, shifted: list[str], settings: ProbeSettings) -> str:
    """What gives the same figures on the command line."""
    s = settings
    return (
        f"telltale shifts {run.run} {' '.join(shifted)} --method {s.method} --target {s.target} "
        f"--position {s.position} --train {s.train} --test {s.test} --layer-rule {s.rule}"
    )


try:
    main()
except ProbeError as refused:
    st.error(session.as_text(refused))
