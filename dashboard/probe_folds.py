"""Before a probe is judged: cross-validated figures with the test set closed, and what that has judged."""

import pandas as pd
import streamlit as st

from core import charts
from core.probes.cross_validated import CrossValidated
from core.probes.cross_validated_of_run import known_cross_validated
from core.probes.rows import ProbeSettings
from core.store.runs import Run
from dashboard import chart_with_table, model_panel, probe_method, session, work


def sealed(run: Run, judged: Run, settings: ProbeSettings) -> None:
    """Cross-validated figures with the test set left closed, and the button that opens it."""
    store = session.run_store()
    found = known_cross_validated(store, run.run, settings, sealed=True)
    if found is None:
        left, right = st.columns([1, 4], vertical_alignment="center")
        if left.button("Cross-validate", type="primary", width="stretch"):
            model_panel.start(work.CROSS_VALIDATION, work.cross_validation(store, run.run, settings))
        right.caption(
            f"A probe for each of {run.facts['layers']} layers in each of five folds, on the questions that "
            "are not in the test set: try settings out here. About 10 seconds for 200 questions."
        )
        session.watch_job(work.CROSS_VALIDATION, about=run.run)
    else:
        cross_validated(run, settings, found)
    left, right = st.columns([1, 4], vertical_alignment="center")
    if left.button("Judge on test", type="secondary" if found is None else "primary", width="stretch"):
        other = None if judged is run else judged.run
        model_panel.start(work.PROBE, work.probe(store, run.run, settings, other))
    known = len(session.judgement_store().of(judged.run))
    whose = "this run" if judged is run else f"the run {session.as_text(judged.title)}"
    right.caption(
        f"Opens the test questions of {whose}, beside every control and {settings.permutations} repetitions "
        "with permuted labels: about 15 seconds for 200 questions. They have judged "
        f"{known or 'no'} configuration{'' if known == 1 else 's'} so far; the best of many looks better "
        "than it is."
    )
    session.watch_job(work.PROBE, about=run.run)


def cross_validated(run: Run, settings: ProbeSettings, found: CrossValidated) -> None:
    """The cross-validated figure, what it stands on, and the curve by layer."""
    low, high = found.area.ci
    left, right = st.columns([2, 8], vertical_alignment="center")
    left.metric(f"AUROC of {settings.target}, cross-validated", f"{found.area.auroc:.3f}")
    left.caption(
        f"95 %: {low:.3f} to {high:.3f} · n {found.area.n:,}, {found.area.positive:,} positive; the interval "
        "covers the sampling of questions, not refitting"
    )
    verdict = "cannot be told from chance" if low <= 0.5 <= high else f"tells {settings.target} apart"
    verdict = f"{verdict}, the wrong way round" if high < 0.5 else verdict
    right.markdown(
        f"The direction trained on **{settings.train}** answers (n {found.n_train:,} or more a fold) "
        f"**{verdict}** when judged on **{settings.test}** answers of questions that neither it nor the "
        f"choice of its layer saw. The folds chose layers {', '.join(map(str, sorted(found.layers)))}. "
        "The test set is still closed."
    )
    probe_method.say_sign(settings.method)
    layers = pd.DataFrame(
        [
            {"layer": layer, "value": here.auroc, "low": here.ci[0], "high": here.ci[1]}
            for layer, here in enumerate(found.by_layer)
        ]
    )
    none = pd.DataFrame(columns=["name", "auroc", "low", "high"])
    place = st.container()
    layer = session.layer_slider(run)
    drawn = charts.by_layer(layers, none, "AUROC", None, looked_at=layer, judged_on="cross-validated")
    with place:
        chart_with_table.show(drawn, layers, "cross-validated AUROC by layer", "cross-validated by layer")


def judged_by_now(judged: Run) -> None:
    """How many configurations the test set has judged, and which."""
    made = session.judgement_store().of(judged.run)
    n = len(made)
    with st.expander(f"These test questions have judged {n} configuration{'' if n == 1 else 's'} by now"):
        st.caption(
            "The best of many configurations looks better than it is: choose among them by the "
            "cross-validated figures, and judge the one chosen."
        )
        table = pd.DataFrame(
            {
                "first judged, UTC": [entry.at[:19] for entry in made],
                "trained on run": [entry.trained for entry in made],
                "configuration": [entry.what for entry in made],
                "test AUROC": [f"{entry.auroc:.3f}" for entry in made],
            }
        )
        st.dataframe(table, hide_index=True)
