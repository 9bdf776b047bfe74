"""Statements: what people type is put to the model and scored, token by token and layer by layer."""

import numpy as np
import pandas as pd
import streamlit as st

from core.data.statements import Statement, parse_statements
from core.engine.settings import HarvestSettings
from core.errors import TelltaleError
from core.probes.rows import ProbeSettings, default_modes
from core.scoring.results import AsRead, OwnTurn, StatementScores
from core.store.runs import Run
from dashboard import charts, model_panel, session, work
from dashboard.choose_probe import about, choose_probe

REVIEWS = """Positive: A warm, funny and beautifully acted film.
Negative: The plot makes no sense and the acting is wooden."""
FACTS = """true: The city of Paris is in France.
false: The city of Paris is in Japan."""
STRONG = 95
MARKS = 12


def main() -> None:
    """The page."""
    run, frame = session.need_choices()
    probe = choose_probe(run)
    if probe is None:
        need_probe(run)
        return
    st.markdown(about(probe))
    low, high = probe.facts.get("auroc_ci", (0.0, 1.0))
    if low <= 0.5 <= high:
        st.warning("This probe cannot be told from chance on held-out answers: its scores mean nothing yet.")
    names = (str(frame["choice_0"].iloc[0]), str(frame["choice_1"].iloc[0]))
    statements = editor(names)
    if statements and st.button("Score them", type="primary"):
        model = HarvestSettings.from_dict(run.settings).model
        model_panel.start(work.SCORING, work.score(session.run_store(), run.run, model, probe, statements))
    session.watch_job(work.SCORING, about=run.run)
    job = session.own_job(work.SCORING)
    if job is None or job.state.about != run.run or job.state.result is None:
        st.caption("Score what is typed above: what the model says, beside what the probe says it knows.")
        return
    used, scores = job.state.result
    if about(used) != about(probe):
        st.warning("The probe is another one since these were scored: score them again to use it.")
        st.caption(about(used))
    show(scores, used.vectors.shape[0], session.layer(run))


def need_probe(run: Run) -> None:
    """Offer to fit the default probe, which scores need."""
    st.info("Scores come from a probe, and none has been fitted to this run yet.")
    train, test = default_modes(session.answers(run)["mode"])
    settings = ProbeSettings(train=train, test=test)
    if st.button("Fit the default probe (15 seconds)", type="primary"):
        model_panel.start(work.PROBE, work.probe(session.run_store(), run.run, settings))
    session.watch_job(work.PROBE, about=run.run)


def editor(names: tuple[str, str]) -> list[Statement] | None:
    """What is typed, as statements; None, with the reason on screen, while it makes none.

    Args:
        names: of the two labels, negative first; a line may begin with one.
    """
    store = session.saved_store()
    box = f"statements {names}"
    left, right = st.columns([3, 1], gap="large")
    with right:
        sets = store.statement_sets()
        if sets:
            wanted = st.selectbox("Saved sets", sets, key="set_name")
            cells = st.columns(2)
            if cells[0].button("Open", width="stretch"):
                st.session_state[box] = "\n".join(as_line(s) for s in store.statements(wanted))
            if cells[1].button("Delete", width="stretch"):
                store.delete_statements(wanted)
                st.rerun()
    with left:
        st.session_state.setdefault(box, example(names))
        typed = st.text_area(
            "Statements, one a line",
            key=box,
            persist_state="session",
            height=150,
            help="A pair in which somebody answers a question: `Q: … | A: …`. Begin a line with `true:` or "
            "`false:` to say what you expect; a set with both gets an AUROC of its own.",
        )
    if not typed.strip():
        st.caption("Type at least one statement, each on a line of its own.")
        return None
    try:
        statements = parse_statements(typed, names)
    except TelltaleError as refused:
        st.error(session.as_text(refused))
        return None
    with right:
        name = st.text_input("Save as", key="save_set", placeholder="a name for this set")
        if st.button("Save the set", disabled=not name.strip(), width="stretch"):
            store.save_statements(name, statements)
            st.toast("Saved.")
            st.rerun()
    return statements


def example(names: tuple[str, str]) -> str:
    """Something to begin with, of the run's kind."""
    if names == ("Negative", "Positive"):
        return REVIEWS
    return FACTS if names == ("False", "True") else ""


def as_line(statement: Statement) -> str:
    """A statement as `parse_statements` reads it."""
    lead = "" if statement.label is None else ("false: ", "true: ")[statement.label]
    pair = f"Q: {statement.question} | A: " if statement.question else ""
    return f"{lead}{pair}{statement.text}"


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
            "own turn": st.column_config.NumberColumn(
                "own turn",
                format="%.2f",
                help="Mean score over its tokens, forced into the model's own turn.",
            ),
        },
    )
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
    st.plotly_chart(charts.score_distribution(training, marked, names), key="distribution")
    if len(marks) > MARKS:
        st.caption(f"The first {MARKS} of {len(marks)} scores are marked.")
    st.markdown("**Token by token, layer by layer**")
    entries: list[AsRead | OwnTurn] = [*scores.read, *scores.own_turn]
    chosen = st.selectbox(
        "Show", range(len(entries)), format_func=lambda n: title(numbers, entries[n]), key="heat"
    )
    entry = entries[chosen]
    if isinstance(entry, OwnTurn):
        st.caption("Forced: the model did not choose these words, they were put into its mouth.")
    tokens = entry.tokens
    table = pd.DataFrame(tokens.scores, index=list(tokens.pieces), columns=range(layers))
    limit = float(np.percentile(np.abs(scores.training_scores), STRONG)) or 1.0
    drawn = charts.token_heat_map(table, tokens.masked.tolist(), tokens.trained.tolist(), limit, layer)
    st.plotly_chart(drawn, key="heat map")
    st.caption(
        f"Each layer by its own probe; blue leans to {session.as_text(names[1])}, orange to "
        f"{session.as_text(names[0])}. Template tokens and the first token are left out. The probe was never "
        "trained at hatched positions, where scores can be of any size: read them as hints. The strongest "
        f"colours stand for ±{limit:.1f} and beyond; {STRONG} % of the training answers' scores lie within. "
        f"Framed: layer {layer}, which all pages look at."
    )
    with st.expander("The exact prompt"):
        st.text(entry.prompt)


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
                "own turn": None if forced is None else forced.score,
                "unlike training": "unlike anything" if entry.unlike_training else "",
            }
        )
    return pd.DataFrame(rows).round(3)


main()
