"""Runs brought in and taken out: states and answers from elsewhere, files for others, the hub."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from core.exchange.import_states import import_states as make_run_of_states
from core.notebook.commands import Found, asked
from core.notebook.stored import opened
from core.notebook.working import quiet_libraries, working
from core.paths import cache_folder
from core.store.runs import Run, RunStore


def import_states(
    states: str | Path,
    labels: str | Path | None = None,
    *,
    model: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    name: str | None = None,
    cache: str | Path | None = None,
    show: bool = True,
) -> Run:
    """States that were harvested elsewhere, with labels, as a run; see `core.exchange.import_states`.

    Warns where rows have states that are not finite, and are in no data.

    Args:
        states: an .npz or .safetensors file, a folder with an .npy file for each layer, or a dataset folder.
        labels: a CSV, JSONL or Parquet file, its rows in the states' order; None where a dataset has them.
        model: what the model is called that the states are of.
        name: of the run, in its title.

    Raises:
        DataError, ModelError, StoreError: what was brought does not fit together, or cannot be kept.
    """
    store = RunStore(cache_folder(cache))
    with working(show) as tell:
        made = make_run_of_states(
            store,
            Path(states),
            None if labels is None else Path(labels),
            model=model,
            text_column=text_column,
            label_column=label_column,
            name=name,
            progress=tell,
        )
    if made.not_finite:
        warnings.warn(
            f"the states of {made.not_finite:,} answers of run {made.run} are not finite, and in no data",
            stacklevel=2,
        )
    return store.run(made.run)


def import_answers(
    file: str | Path,
    model: str | Path,
    *,
    adapter: str | Path | None = None,
    four_bit: bool = False,
    name: str | None = None,
    cache: str | Path | None = None,
    show: bool = True,
) -> Run:
    """Answers that were given elsewhere, read with a model, as a run, which is marked off-policy.

    Warns where an evaluation scored samples neither correct nor incorrect, and they are left out.

    Args:
        file: chat transcripts (.jsonl), or a log of Inspect (.eval or .json).
        model: that reads them, see `harvest`; its states while it reads words that it did not choose need not
            be those while it says them.
        name: of the run, in its title.

    Raises:
        DataError, ModelError, StoreError: what was brought cannot be read or kept, or does not fit the model.
    """
    given = {"file": file, "model": model, "adapter": adapter, "four_bit": four_bit, "name": name}
    with quiet_libraries():
        made = asked("import", {**given, "cache": cache}, show=show)
    if made["without_label"]:
        warnings.warn(
            f"{made['without_label']:,} samples were scored neither correct nor incorrect, and left out",
            stacklevel=2,
        )
    return RunStore(cache_folder(cache)).run(made["run"])


def export(
    run: Run | str,
    file: str | Path,
    *,
    format: str | None = None,
    position: str | Sequence[str] | None = None,
    layer: int | Sequence[int] | None = None,
    cache: str | Path | None = None,
    show: bool = True,
) -> Found:
    """Write a run for others: its labelled answers as CSV, one layer's states as .npy, or all of it.

    Args:
        file: what is written; of a format a folder, which is not there yet.
        format: `folder` (Parquet and safetensors), `dataset` (`datasets.load_from_disk` opens it, with the
            states of the positions and layers named), or None for one file.
        position: by default `prompt`; several only of a dataset.
        layer: of a dataset None is for all; of one file it has states written, and not answers.

    Returns:
        Parts run, file and answers; of a folder positions and layers, of a dataset columns.

    Raises:
        StoreError: no such run, position or layer, or it cannot be written.
    """
    given = {"run": run, "file": file, "format": format, "position": position, "layer": layer}
    return asked("export", {**given, "cache": cache}, show=show)


def push(
    what: str,
    name: str | Path | Run,
    *,
    to: str | None = None,
    private: bool = False,
    to_folder: str | Path | None = None,
    position: str | Sequence[str] | None = None,
    layer: int | Sequence[int] | None = None,
    cache: str | Path | None = None,
    show: bool = True,
) -> Found:
    """Send a kept probe, a liar or a pruned run to the Hugging Face hub with its card, or make the folder.

    Args:
        what: `probe`, `liar` or `run`.
        name: of the probe, the liar's folder, or the run.
        to: owner and name of the repository, made where there is none; private: make it a private one.
        to_folder: write here what would be pushed, and send nothing.
        position, layer: of a run; by default `prompt`, and all layers.

    Returns:
        Parts what, files, and where they went: folder or url.

    Raises:
        DataError: both or neither of `to` and `to_folder`, nobody is logged in, or the hub is out of reach.
        ProbeError, StoreError: there is no such probe or run, or it cannot be written.
    """
    if what == "run" and isinstance(name, str):
        name = opened(name, cache)[1]
    given = {"what": what, "name": name, "to": to, "private": private, "to_folder": to_folder}
    return asked("push", {**given, "position": position, "layer": layer, "cache": cache}, show=show)
