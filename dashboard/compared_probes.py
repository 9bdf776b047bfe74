"""The same probe in two runs, layer by layer: what it is, the button that computes it, and its curves."""

import streamlit as st

from core.charts.compare import layers_beside
from core.compare.layers import ComparedLayers
from core.compare.of_runs import known_compared_probes
from core.probes.methods import METHODS
from core.probes.rows import BOTH, TARGETS, ProbeSettings, default_modes
from core.store.runs import Run
from dashboard import chart_with_table, in_address, model_panel, session, work


def probes_beside(run: Run, other: Run, names: tuple[str, str]) -> None:
    """Draw it."""
    settings = form(run, other)
    if settings is None:
        return
    store = session.run_store()
    found = known_compared_probes(store, run.run, other.run, settings)
    if found is not None:
        picture(found, names)
        return
    left, right = st.columns([1, 4], vertical_alignment="center")
    if left.button("Compare the probes", type="primary", width="stretch"):
        model_panel.start(work.COMPARISON, work.comparison(store, run.run, other.run, settings))
    right.caption(
        "Five folds at each layer of both runs, over questions that are in neither test set, so that "
        "none of those is used up. About 5 seconds a run of 100 questions."
    )
    session.watch_job(work.COMPARISON, about=run.run)


def form(run: Run, other: Run) -> ProbeSettings | None:
    """What probe, of what both runs have."""
    store = session.run_store()
    there = store.states(other.run).positions()
    positions = [position for position in store.states(run.run).positions() if position in there]
    modes = [mode for mode in run.settings["modes"] if mode in other.settings["modes"]]
    if not positions or not modes:
        st.info("The runs have no mode, or no position of states, in common: no probe can be compared.")
        return None
    usual = default_modes(modes)
    sides = [*modes, BOTH]
    first, second = (sides.index(mode) for mode in usual)
    cells = st.columns(5, vertical_alignment="bottom")
    method = in_address.selectbox(cells[0], "Method", METHODS, "method", key="compare method")
    target = in_address.selectbox(cells[1], "Target", TARGETS, "target", key="compare target")
    position = in_address.selectbox(
        cells[2], "Position", positions, "position", key=f"compare position {positions}"
    )
    train = in_address.selectbox(
        cells[3], "Train on", sides, "train", index=first, key=f"compare train {modes}"
    )
    judge = in_address.selectbox(
        cells[4], "Judge on", sides, "judge", index=second, key=f"compare judge {modes}"
    )
    return ProbeSettings(method, target, position, train, judge, permutations=0)


def picture(found: ComparedLayers, names: tuple[str, str]) -> None:
    """The difference in a sentence, and the curves."""
    apart, one, other = found.chosen, found.one, found.other
    clearly = "differ clearly" if apart.is_clear else "do not differ clearly"
    st.markdown(
        session.as_text(
            f"At the layers that each fold chose for itself the AUROCs {clearly}: {one.chosen.value:.3f} "
            f"({one.chosen.ci[0]:.3f} to {one.chosen.ci[1]:.3f}, n {one.chosen.n:,}, layers "
            f"{_layers(one.layers)}) minus {other.chosen.value:.3f} ({other.chosen.ci[0]:.3f} to "
            f"{other.chosen.ci[1]:.3f}, n {other.chosen.n:,}, layers {_layers(other.layers)}) is "
            f"{apart.value:+.3f} ({apart.ci[0]:+.3f} to {apart.ci[1]:+.3f})."
        )
    )
    table = found.to_frame()
    drawn = layers_beside(table, names)
    chart_with_table.show(drawn, table, "AUROC of a probe by layer in two runs", "compared layers")
    unlike = "" if found.differences else " The models have another number of layers: no two are the same."
    st.caption(
        f"{found.settings.method} of {found.settings.target} at {found.settings.position}, trained on "
        f"{found.settings.train} and judged on {found.settings.test} answers, in each run by five folds over "
        f"the questions outside of both test sets; trained on {one.n_train:,} and {other.n_train:,} answers. "
        f"Intervals cover which questions were asked, and not another fit.{unlike}"
    )


def _layers(layers: tuple[int, ...]) -> str:
    return ", ".join(map(str, sorted(set(layers))))
