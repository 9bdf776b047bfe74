"""`telltale export` and `telltale import`: what is taken out of the store, and what is brought into it."""

from argparse import Namespace
from pathlib import Path

import numpy as np

from core.commands.options import Result, model_settings
from core.csv_text import to_csv
from core.errors import DataError, StoreError
from core.exchange.import_states import import_states
from core.exchange.run_dataset import export_dataset
from core.exchange.run_folder import export_folder
from core.exchange.transcripts import holds_answers
from core.exchange.whole_folder import whole_path
from core.labels_of_run import labelled
from core.progress import shown_in_percent
from core.shown import LONGEST_PATH, named
from core.store.runs import RunStore


def export(cache: Path, options: Namespace) -> Result:
    """Write a run as a folder or dataset, its labelled answers as CSV, or one layer's states as .npy."""
    store = RunStore(cache)
    run = store.run(options.run).run
    if options.format == "folder":
        return _folder(store, run, options)
    if options.format == "dataset":
        return _dataset(store, run, options)
    return _one_file(store, run, options)


def _folder(store: RunStore, run: str, options: Namespace) -> Result:
    if options.layer or options.position:
        raise StoreError("--format folder writes every layer and position: leave --layer and --position out")
    with shown_in_percent() as show:
        made = export_folder(store, run, whole_path(Path(options.file)), show)
    result = {
        "run": run,
        "file": str(made.folder),
        "answers": made.answers,
        "positions": made.positions,
        "layers": made.layers,
    }
    told = f"{made.answers:,} answers with the states of {made.layers} layers at {', '.join(made.positions)}"
    return result, f"{told} written to {made.folder}"


def _dataset(store: RunStore, run: str, options: Namespace) -> Result:
    positions = options.position or ("prompt",)
    with shown_in_percent() as show:
        made = export_dataset(
            store, run, whole_path(Path(options.file)), positions, options.layer, progress=show
        )
    result = {"run": run, "file": str(made.folder), "answers": made.answers, "columns": made.columns}
    told = f"{made.answers:,} answers with {len(made.columns)} columns of states"
    return result, f"{told} written to {made.folder}: `datasets.load_from_disk` opens it"


def _one_file(store: RunStore, run: str, options: Namespace) -> Result:
    positions, layers = options.position or ["prompt"], options.layer or []
    if len(positions) > 1 or len(layers) > 1:
        raise StoreError(
            "a file holds one layer at one position: give --layer and --position once, or --format dataset"
        )
    frame, path = labelled(store, run), Path(options.file)
    try:
        if not layers:
            to_csv(frame, path)
        else:
            states = store.layer(run, positions[0], layers[0], frame["answer"].to_numpy())
            with path.open("wb") as handle:
                np.save(handle, states)
    except OSError as error:
        raise StoreError(
            f"{named(path, LONGEST_PATH)} cannot be written: {error.strerror or error}"
        ) from error
    return {"run": run, "file": str(path), "answers": len(frame)}, f"{len(frame)} answers written to {path}"


def take_in(cache: Path, options: Namespace) -> Result:
    """Make a run of states that were harvested elsewhere, or of answers that were given elsewhere."""
    store = RunStore(cache)
    if holds_answers(Path(options.file)):
        return _answers(store, options)
    if options.adapter or options.four_bit:
        raise DataError(
            "no model is loaded to import states: leave --adapter and --four-bit out, and say with --model "
            "what their model is called"
        )
    with shown_in_percent() as show:
        made = import_states(
            store,
            Path(options.file),
            None if options.labels is None else Path(options.labels),
            model=options.model,
            text_column=options.text_column,
            label_column=options.label_column,
            name=options.name,
            progress=show,
        )
    result = {"run": made.run, "answers": made.answers, "not_finite": made.not_finite, "found": made.found}
    return result, str(made)


def _answers(store: RunStore, options: Namespace) -> Result:
    from core.exchange.import_answers import import_answers  # torch and the model are needed here alone
    from core.models.loading import load_model

    if options.model is None:
        raise DataError("name the model that is to read these answers: --model MODEL")
    if options.labels or options.text_column or options.label_column:
        raise DataError("transcripts hold their labels: leave --labels, --text-column and --label-column out")
    loaded = load_model(model_settings(options), store.cache)
    with shown_in_percent() as show:
        made = import_answers(store, Path(options.file), loaded, name=options.name, progress=show)
    result = {
        "run": made.run,
        "answers": made.answers,
        "without_label": made.without_label,
        "found": made.resumed,
    }
    return result, str(made)
