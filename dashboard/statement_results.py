"""What scoring statements came to: the table of all, the sets' own AUROC, one of them token by token."""

import pandas as pd
import streamlit as st

from core import charts
from core.charts import speech as speak_charts
from core.data.statements import Statement
from core.scoring.results import AsRead, OwnTurn, StatementScores, TokenScores
from dashboard import chart_with_table, session, speech_panel

MARKS = 12


def show(scores: StatementScores, layers: int, layer: int) -> None:
    """The table of all, the sets' own AUROC, and one statement looked at closely."""
    for note in scores.notes:
        st.info(session.as_text(note))
    st.markdown("**What the model says, and what the probe says it knows**")
    st.dataframe(
        overview(scores),
        hide_index=True,
        column_config={
            "statement": st.column_config.TextColumn("statement", width="large"),
            "leans": st.column_config.TextColumn("leans", help="At the first token, calibrated. Not said."),
            "percentile": st.column_config.NumberColumn(
                format="%.0f",
                help="Of the score among those of ordinary conversation at the same kind of position.",
            ),
            "forced": st.column_config.NumberColumn(
                "forced into its own turn",
                format="%.2f",
                help="Mean score over its tokens. The model did not choose these words.",
            ),
            "forced, percentile": st.column_config.NumberColumn(
                format="%.0f",
                help="Of that mean among the means of what the model wrote in ordinary conversation.",
            ),
            "distance": st.column_config.NumberColumn(
                "distance from training",
                format="%.0f",
                help="Percentile among held-out answers, 0 to 100.",
            ),
        },
    )
    compared = speech_panel.NOTHING_TO_COMPARE
    if scores.benign is not None:
        compared = session.as_text(f"{speech_panel.compared_with(scores.benign)}, each at its own kind.")
    st.caption(compared)
    if scores.areas:
        st.markdown("**This set's own figures**")
        for found in scores.areas:
            st.caption(session.as_text(found.sentence()))
    names = (scores.negative_name, scores.positive_name)
    st.markdown("**Where the scores fall among those of the training answers**")
    numbers = numbered(scores)
    marks = [
        {"score": entry.score, "label": f"{numbers[entry.statement]} {entry.mode}"}
        for entry in scores.read
        if entry.score is not None
    ]
    training = pd.DataFrame({"score": scores.training_scores, "target": scores.training_target})
    marked = pd.DataFrame(marks[:MARKS], columns=["score", "label"])
    drawn = charts.score_distribution(training, marked, names)
    classes = training.assign(label=[f"training: {names[int(target)]}" for target in training["target"]])
    table = pd.concat([marked, classes[["score", "label"]]])
    chart_with_table.show(drawn, table, "statements among the training answers' scores", "distribution")
    if len(marks) > MARKS:
        st.caption(f"The first {MARKS} of {len(marks)} scores are marked.")
    st.markdown("**Token by token, layer by layer**")
    entries: list[AsRead | OwnTurn] = [*scores.read, *scores.own_turn]
    titles = [title(numbers, entry) for entry in entries]
    entry = entries[titles.index(st.selectbox("Show", titles, key="heat"))]
    if isinstance(entry, OwnTurn):
        st.caption("Forced: the model did not choose these words, they were put into its mouth.")
    heat_map(entry.tokens, layers, layer, scores)
    with st.expander("The exact prompt"):
        st.text(entry.prompt)


def heat_map(tokens: TokenScores, layers: int, layer: int, scores: StatementScores) -> None:
    """One prompt's tokens by layer: percentiles where there is conversation to compare with, else scores."""
    names = [session.as_text(name) for name in (scores.negative_name, scores.positive_name)]
    masked, trained = tokens.masked.tolist(), tokens.trained.tolist()
    if tokens.percentiles is None:
        limit = speech_panel.strong_limit(scores.training_scores)
        table = pd.DataFrame(tokens.scores, index=list(tokens.pieces), columns=range(layers))
        drawn = charts.token_heat_map(table, masked, trained, limit, layer)
        colours = (
            f"blue leans to {names[1]}, orange to {names[0]}. The strongest colours stand for ±{limit:.1f} "
            f"and beyond; {speech_panel.STRONG} % of the training answers' scores lie within."
        )
    else:
        table = pd.DataFrame(tokens.percentiles, index=list(tokens.pieces), columns=range(layers))
        drawn = speak_charts.percentile_heat_map(table, tokens.scores, masked, trained, layer)
        colours = (
            f"blue is above half of ordinary conversation at this kind of position (to {names[1]}), orange "
            f"below (to {names[0]}): words that are read stand beside words that are read, words that are "
            "written or forced beside words that were written."
        )
    figures = table.rename(columns=lambda number: f"layer {number}").reset_index(names="token")
    chart_with_table.show(drawn, figures, "score by token and layer", "heat map")
    st.caption(
        f"Each layer by its own probe; {colours} Template tokens and the first token are left out. The probe "
        "was never trained at hatched positions, where scores can be of any size: read them as hints. "
        f"Framed: layer {layer}, which all pages look at."
    )


def title(numbers: dict[Statement, int], entry: AsRead | OwnTurn) -> str:
    """Which statement, mode and way of scoring."""
    way = "forced into its own turn" if isinstance(entry, OwnTurn) else "read"
    asked = f"{entry.statement.question} – " if entry.statement.question else ""
    return f"{numbers[entry.statement]} · {entry.mode} · {way} · {asked}{entry.statement.text}"


def numbered(scores: StatementScores) -> dict[Statement, int]:
    """A number for each statement, by which table and chart name it."""
    return {entry: number for number, entry in enumerate(dict.fromkeys(e.statement for e in scores.read), 1)}


def overview(scores: StatementScores) -> pd.DataFrame:
    """One row a statement and mode."""
    own = {(e.statement, e.mode): e for e in scores.own_turn}
    numbers = numbered(scores)
    labels = (scores.negative_name, scores.positive_name) if scores.target == "truth" else ("false", "true")
    rows = []
    for entry in scores.read:
        expected = entry.statement.label
        forced = own.get((entry.statement, entry.mode))
        asked = f"{entry.statement.question} – " if entry.statement.question else ""
        rows.append(
            {
                "#": numbers[entry.statement],
                "statement": asked + entry.statement.text,
                "expected": "" if expected is None else labels[expected],
                "mode": entry.mode,
                "model says": entry.said or "no choice",
                "leans": entry.leans_calibrated,
                "probe says": entry.probe_says or "–",
                f"probe P({scores.positive_name})": entry.probability,
                "percentile": entry.benign_percentile,
                "distance": entry.distance_percentile,
                "forced": None if forced is None else forced.score,
                "forced, percentile": None if forced is None else forced.benign_percentile,
                "unlike training": "unlike anything" if entry.unlike_training else "",
            }
        )
    return pd.DataFrame(rows).round(3)
