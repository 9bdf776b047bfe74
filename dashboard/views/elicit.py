"""Elicit: try wordings, templates, shots and roles on a few questions, and hand the best to Generate."""

import pandas as pd
import streamlit as st

from core import charts
from core.elicit.outcome import CellResult, Outcome, stored_outcome
from core.elicit.report import turned_round, turned_sentence
from core.elicit.settings import ElicitSettings
from core.elicit.store import Elicitation, ElicitStore
from core.elicit.winner import OPTIMISTIC, UNPROVEN, is_proven, winner_settings
from core.jobs import JOBS
from dashboard import chart_with_table, hand_over, in_address, model_panel, session, work
from dashboard.elicit_form import elicit_form
from dashboard.elicit_results import FIGURES, MEANING, instruction, map_frame, table


def main() -> None:
    """The page."""
    if model_panel.missing():
        model_panel.offer_fetch()
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.caption(
            "Which wording, template, examples, role and choice order make this model say the truth when it "
            "is asked for it, and lie when it is told to? Every cell of the grid answers a few questions; "
            "the better half goes on to more."
        )
        settings = elicit_form(model_panel.chosen())
        if settings and st.button("Elicit", type="primary", width="stretch"):
            st.session_state["follow elicitation"] = True
            model_panel.start(work.ELICIT, work.elicit(settings, session.cache()))
            del st.session_state["follow elicitation"]  # reached only where another job runs
    growing = (job := JOBS.get(work.ELICIT)) is not None and job.state.running
    every = 2.0 if growing else None
    with right:
        session.watch_job(work.ELICIT)
        st.fragment(session.shows_refusals(standing), run_every=every)()
    st.fragment(session.shows_refusals(cells), run_every=every)()


def standing() -> None:
    """How the chosen elicitation stands, and its winner; redrawn by itself while one is under way."""
    follow()
    store = ElicitStore(session.cache())
    records = {record.elicitation: record for record in store.elicitations()}
    if not records:
        st.info("Nothing was elicited yet. Choose a grid on the left and press **Elicit**.")
        return
    started = st.session_state.get("elicitation started")
    name = in_address.selectbox(
        st,
        "Elicitation",
        list(records),
        "elicitation",
        index=list(records).index(started) if started in records else 0,
        key=f"elicitation after {started}",
        format_func=lambda found: title(records[found]),
    )
    if name != st.session_state.get("elicitation shown"):
        st.session_state["elicitation shown"] = name
        st.rerun()
    outcome = outcome_of(records[name], store.made(name))
    say_standing(records[name], outcome)
    if outcome.winner is not None:
        show_winner(records[name], outcome, outcome.winner)


def cells() -> None:
    """The judged cells of the elicitation chosen above."""
    store = ElicitStore(session.cache())
    name = st.session_state.get("elicitation shown")
    if name is None or not (outcome := outcome_of(record := store.elicitation(name), store.made(name))).rungs:
        return
    st.divider()
    show_cells(outcome)
    show_answers(record, outcome)


def follow() -> None:
    """Look at the elicitation that this session just started, as soon as it has an id."""
    job = session.own_job(work.ELICIT)
    if st.session_state.get("follow elicitation") and job is not None:
        if job.state.about:
            st.session_state["elicitation started"] = job.state.about
            in_address.forget("elicitation")
        if job.state.about or not job.state.running:
            del st.session_state["follow elicitation"]


def title(record: Elicitation) -> str:
    """Enough to tell elicitations apart."""
    settings = ElicitSettings.from_dict(record.settings)
    return (
        f"{settings.data.name.rpartition('/')[2]} · {len(record.facts['cells'])} cells · "
        f"{record.facts['model']} · {record.started[:16]} · {record.elicitation}"
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _outcome(cache: str, elicitation: str, made: int) -> Outcome:
    store = ElicitStore(session.cache())
    return stored_outcome(store.elicitation(elicitation), store.answers(elicitation))


def outcome_of(record: Elicitation, made: int) -> Outcome:
    """Where it stands with so many answers."""
    return _outcome(str(session.cache()), record.elicitation, made)


def say_standing(record: Elicitation, outcome: Outcome) -> None:
    """How far it is, and what the grid left out."""
    if outcome.winner is None:
        running = JOBS.get(work.ELICIT)
        at_work = running is not None and running.state.running and running.state.about == record.elicitation
        how = "under way" if at_work else "cut off: **Elicit** with the same settings goes on from here"
        st.caption(
            f"Rung {len(outcome.rungs) + 1} of {len(outcome.sizes)}, {len(outcome.next_cells)} cells on "
            f"{outcome.sizes[len(outcome.rungs)]} questions: {how}."
        )
    for entry in record.facts["unfit"]:
        st.caption(session.as_text(f"Left out: {entry['what']}: {entry['why']}."))


def show_winner(record: Elicitation, outcome: Outcome, winner: CellResult) -> None:
    """The winner with its figures, what they are worth, and the hand-over."""
    cell = winner.cell
    st.markdown(
        f"**Winner** · {session.as_text(cell.template)} ({cell.form} form) · {cell.shots} shots · "
        f"{cell.role} · {cell.offers}"
    )
    st.text(instruction(cell.wording))
    for place, (name, meaning) in zip(st.columns(len(MEANING)), MEANING.items(), strict=True):
        share = getattr(winner.figures, name)
        place.metric(FIGURES[name].capitalize(), f"{share.value:.0%}", help=meaning)
        place.caption(f"95 %: {share.low:.0%} to {share.high:.0%} · n {share.n:,}")
    if (turned := turned_round(outcome, winner)) is not None:
        st.caption(session.as_text(turned_sentence(outcome, turned)))
    if not is_proven(winner):
        st.warning(UNPROVEN)
    st.info(OPTIMISTIC)
    settings = winner_settings(record, outcome)
    if settings.model != model_panel.chosen():
        st.warning(
            session.as_text(
                f"These settings won with {record.facts['model']}, and the sidebar names another model: what "
                "wins with one need not with the other."
            )
        )
    if st.button("Use these settings", type="primary", icon=":material/arrow_forward:"):
        hand_over.offer(settings)
        st.switch_page("views/generate.py")


def show_cells(outcome: Outcome) -> None:
    """All judged cells, as a heat map and as a table."""
    figure = in_address.segmented_control(
        st,
        "Colour",
        list(FIGURES),
        "colour",
        default="score",
        format_func=FIGURES.__getitem__,
        required=True,
        key="elicit figure",
    )
    frame = map_frame(outcome, figure)
    drawn = charts.elicit_heat_map(frame, FIGURES[figure])
    chart_with_table.show(drawn, frame, f"{FIGURES[figure]} of each cell", "elicit map", wide=True)
    st.caption(
        "Framed: the winner. Faded: halved away on fewer questions, so that its figure says less. n in each "
        "field. A cell that always gives the same choice scores 0.50."
    )
    st.dataframe(
        table(outcome),
        hide_index=True,
        column_config={
            "score": st.column_config.NumberColumn(
                "score",
                format="%.2f",
                help="The smaller of honest accuracy and lie rate; ties by their mean.",
            ),
            "honest accuracy": st.column_config.TextColumn(help=MEANING["honest_accuracy"]),
            "lie rate": st.column_config.TextColumn(help=MEANING["lie_rate"]),
            "readable": st.column_config.TextColumn(help=MEANING["readable"]),
            "mass on the choices": st.column_config.TextColumn(help=MEANING["mass"]),
        },
    )
    st.caption("In brackets: 95 % intervals. Rates are of all answers; one without a choice is a failure.")


def show_answers(record: Elicitation, outcome: Outcome) -> None:
    """What one cell's answers look like, so that a rate can be checked against what was said."""
    with st.expander("The answers behind a cell", icon=":material/visibility:"):
        standing = outcome.standing
        place = st.selectbox(
            "Cell",
            range(len(standing)),
            format_func=lambda number: (
                f"#{number + 1} · {standing[number].cell.template} · "
                f"{standing[number].cell.shots} shots · wording {standing[number].cell.wording} · "
                f"{standing[number].cell.role} · {standing[number].cell.offers}"
            ),
            key=f"cell of {record.elicitation}",
        )
        store = ElicitStore(session.cache())
        answers = store.answers(record.elicitation)
        answers = answers[answers["cell"] == standing[place].number]
        texts = store.texts(record.elicitation)
        template = choices_in(record, standing[place])
        name = {0.0: template[0], 1.0: template[1]}
        shown = pd.DataFrame(
            {
                "question": [texts[number] for number in answers["number"]],
                **({"claim": answers["claim"]} if answers["claim"].notna().any() else {}),
                "mode": answers["mode"],
                "generated": answers["generated"],
                "said": [name.get(value, "no choice") for value in answers["said"]],
                "truth": [name[float(value)] for value in answers["label"]],
                "mass": (answers["p_0"] + answers["p_1"]).round(3),
            }
        )
        st.dataframe(shown, hide_index=True, height=300)


def choices_in(record: Elicitation, result: CellResult) -> tuple[str, str]:
    """The choices of a cell's template, negative first."""
    templates = ElicitSettings.from_dict(record.settings).templates
    return next(template.choices for template in templates if template.name == result.cell.template)


main()
