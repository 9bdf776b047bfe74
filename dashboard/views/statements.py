"""Statements: what people type is put to the model and scored, token by token and layer by layer."""

import streamlit as st

from core.data.statements import Statement, parse_statements
from core.engine.settings import HarvestSettings
from core.errors import TelltaleError
from core.probes.bundle import FittedProbe
from core.probes.rows import ProbeSettings, default_modes
from core.scoring.results import StatementScores
from core.store.runs import Run
from dashboard import model_panel, own_words, session, statement_results, work
from dashboard.choose_probe import about, choose_probe
from dashboard.need_run import need_run_of_choices

REVIEWS = """Positive: A warm, funny and beautifully acted film.
Negative: The plot makes no sense and the acting is wooden."""
FACTS = """true: The city of Paris is in France.
false: The city of Paris is in Japan."""


def main() -> None:
    """The page."""
    run = need_run_of_choices()
    probe = choose_probe(run)
    if probe is None:
        need_probe(run)
        return
    st.markdown(about(probe))
    low, high = probe.facts.get("auroc_ci", (0.0, 1.0))
    if low <= 0.5 <= high:
        st.warning("This probe cannot be told from chance on held-out answers: its scores mean nothing yet.")
    statements = editor(session.run_store().labels(run.run))
    if statements and st.button("Score them", type="primary"):
        model = HarvestSettings.from_dict(run.settings).model
        model_panel.start(work.SCORING, work.score(session.run_store(), run.run, model, probe, statements))
    session.watch_job(work.SCORING, about=run.run)
    scored = last_scores(run)
    if scored is None:
        st.caption("Score what is typed above: what the model says, beside what the probe says it knows.")
    else:
        used, scores = scored
        if about(used) != about(probe):
            st.warning("The probe is another one since these were scored: score them again to use it.")
            st.caption(about(used))
        statement_results.show(scores, used.vectors.shape[0], session.layer(run))
    if statements:
        st.divider()
        own_words.show(run, probe, statements, scored)


def last_scores(run: Run) -> tuple[FittedProbe, StatementScores] | None:
    """What this session last scored with a run, and the probe that did; None where it did not yet."""
    job = session.own_job(work.SCORING)
    return None if job is None or job.state.about != run.run else job.state.result


def need_probe(run: Run) -> None:
    """Offer to fit the default probe, which scores need."""
    st.info("Scores come from a probe, and none has been fitted to this run yet.")
    train, test = default_modes(run.settings["modes"])
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


main()
