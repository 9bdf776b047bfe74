"""What the model itself says to a typed statement, beside the statement read and forced into its turn."""

import streamlit as st

from core.data.statements import Statement
from core.engine.settings import HarvestSettings
from core.errors import TelltaleError
from core.models.tokenizers import load_tokenizer
from core.probes.bundle import FittedProbe
from core.scoring.asking import OPENING, asking_of
from core.scoring.entries import class_names
from core.scoring.results import StatementScores
from core.scoring.speech import Speech
from core.scoring.speech_plans import StatementPlan
from core.scoring.three_ways import three_ways
from core.store.runs import Run
from dashboard import session, speech_panel
from dashboard.choose_probe import about

PAGE = "Statements"


def show(
    run: Run,
    probe: FittedProbe,
    statements: list[Statement],
    scored: tuple[FittedProbe, StatementScores] | None,
) -> None:
    """The choice of a statement, and what the model says to it in both modes.

    Args:
        scored: the last scores and the probe that they are by.
    """
    st.markdown("**What it says itself**")
    st.caption(
        "The model answers a statement as the run asks about it, and of a pair its question alone: what it "
        "then says stands beside the answer that was forced into its turn after the very same words."
    )
    left, middle, right, last = st.columns([7, 4, 4, 3], vertical_alignment="bottom")
    titles = [f"{number} · {one.question or one.text}" for number, one in enumerate(statements, 1)]
    chosen = left.selectbox("Statement", titles, key="own words")
    with middle:
        new_tokens = speech_panel.most_tokens()
    with right:
        rate = speech_panel.false_positive_rate()
    try:
        if last.button("Let it answer", width="stretch"):
            model = HarvestSettings.from_dict(run.settings).model
            tokenizer = load_tokenizer(model, session.cache())
            asking = asking_of(session.run_store(), run.run, tokenizer)
            plan = StatementPlan(asking, statements[titles.index(chosen)])
            names = class_names(probe.facts["target"], asking)
            speech_panel.start(PAGE, Speech(plan, probe, names, new_tokens))
    except TelltaleError as refused:
        st.error(session.as_text(refused))
        return
    speech_panel.show(PAGE, rate, lambda speech: beside(speech, scored))


def beside(speech: Speech, scored: tuple[FittedProbe, StatementScores] | None) -> None:
    """The three ways of scoring one statement, where it was scored by the same probe."""
    plan = speech.plan
    if not isinstance(plan, StatementPlan):
        return
    of_this = scored is not None and about(scored[0]) == about(speech.probe)
    if scored is None or not of_this or plan.statement not in [entry.statement for entry in scored[1].read]:
        st.caption("**Score them** above for this statement read and forced, beside what it says itself.")
        return
    table = three_ways(plan.statement, scored[1], [speech.table(place) for place in range(len(speech.asked))])
    st.dataframe(
        table.round(2),
        hide_index=True,
        column_config={
            "score": st.column_config.NumberColumn("mean score", format="%.2f"),
            "percentile": st.column_config.NumberColumn(
                "mean percentile",
                format="%.0f",
                help="Of its tokens among ordinary conversation at the same kind of position.",
            ),
        },
    )
    if plan.as_run:
        st.caption(
            "The three follow different prompts: read and its own words stand in the run's question, what is "
            f"forced answers “{OPENING}”. Write a pair, `Q: … | A: …`, to have the last two after the same "
            "words. Differences of wording and length are in these means too."
        )
    else:
        st.caption(
            "Forced and its own words follow the same prompt. Differences of wording and length are in these "
            "means too."
        )
