"""Export: the chosen run as files that other tools open, or as what goes to the Hugging Face hub."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from core.csv_text import as_csv
from core.exchange.run_dataset import export_dataset
from core.exchange.run_folder import export_folder
from core.exchange.run_parts import positions_of
from core.labels_of_run import labelled
from core.store.runs import Run
from dashboard import export_states, export_target, in_address, push_form, session
from dashboard.need_run import need_answered_run
from dashboard.take_away import take_away

FOLDER, DATASET, TABLES, PUSH = "folder", "dataset", "tables", "push"
FORMS = {
    FOLDER: "Parquet and safetensors",
    DATASET: "Hugging Face dataset",
    TABLES: "Tables (CSV)",
    PUSH: "Push to the hub",
}
ABOUT = {
    FOLDER: "A folder that any tool opens: answers as Parquet, decisions as CSV, states of every layer and "
    "position as safetensors with TransformerLens's names, and a README that says how to read them.",
    DATASET: "A folder that `datasets.load_from_disk` opens: an answer a row, a column of states for each "
    "layer and position that you choose.",
    TABLES: "Every answer with its labels and flags, and every decision. No text in them is a formula.",
    PUSH: "With a card that says what it was made from, how it did and what it cannot tell. Answers that "
    "were dropped stay here, and so do your tags, your note and the paths of this machine.",
}


def main() -> None:
    """The page."""
    run = need_answered_run()
    form = in_address.segmented_control(
        st, "As what", tuple(FORMS), "form", key="export form", default=FOLDER, format_func=FORMS.get
    )
    st.caption(ABOUT[form])
    if form == TABLES:
        tables(run)
        return
    if form == PUSH:
        push_form.show(run)
    elif form == DATASET:
        dataset(run)
    else:
        folder(run)
    export_target.outcome(run)


def folder(run: Run) -> None:
    """All of the run."""
    store = session.run_store()
    positions = len(positions_of(store, run.run))
    size = export_states.size(run, positions, None)
    st.markdown(
        f"{run.answers:,} answers with {run.facts['layers']} layers at {positions} "
        f"{'position' if positions == 1 else 'positions'}: about {export_states.in_words(size)}."
    )
    command = f"telltale export {run.run} --format folder --file"
    export_target.show(f"run-{run.run}", partial(export_folder, store, run.run), size, command, run)


def dataset(run: Run) -> None:
    """The states that are chosen."""
    chosen = export_states.choose(run)
    if chosen is None:
        return
    positions, layers = chosen
    size = export_states.size(run, len(positions), layers)
    st.markdown(f"{run.answers:,} answers: about {export_states.in_words(size)}.")

    def write(target: Path, progress: Callable[[float, str], None], cancelled: Callable[[], bool]) -> None:
        export_dataset(
            session.run_store(), run.run, target, positions, layers, progress=progress, cancelled=cancelled
        )

    told = export_states.options(positions, layers)
    command = f"telltale export {run.run} --format dataset {told + ' ' if told else ''}--file"
    export_target.show(f"dataset-{run.run}", write, size, command, run)


def tables(run: Run) -> None:
    """Answers and decisions."""
    store, decisions = session.run_store(), session.decision_store()
    take_away(
        "Answers as CSV",
        lambda: as_csv(labelled(store, run.run)),
        f"answers-{run.run}.csv",
        f"telltale export {run.run} --file answers-{run.run}.csv",
    )
    take_away(
        "Decisions as CSV",
        lambda: decisions.export_csv(run.run),
        f"decisions-{run.run}.csv",
        f"telltale decisions export {run.run} --file decisions-{run.run}.csv",
    )


main()
