"""What goes to the hub, as a folder with its card: a kept probe, a liar's adapter, or a pruned run.

Paths of this machine are cut to their last parts: nobody else can use them, and they name who worked where. A
run's tags and note stay here.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from core.downloads import Progress, ignore_progress, replace_atomically
from core.errors import DataError
from core.exchange.hub_cards import liar_head, probe_card, run_card
from core.exchange.run_dataset import export_dataset
from core.exchange.run_parts import README, RECORD
from core.exchange.whole_folder import written_whole
from core.files import read_text_file
from core.labels_of_run import labelled
from core.liar.card import FIGURES
from core.probes.saved import SavedProbes
from core.shown import LONGEST_PATH, named
from core.store.runs import Run, RunStore

PROBE = "probe.safetensors"
ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
TRAINING = "training.json"
LARGEST_TEXT = 64 << 20
"""Bytes of a liar's card or figures, or of the record of its training."""


@dataclass(frozen=True)
class Package:
    """A folder as it goes to the hub: what kind of repository it becomes there, and what it holds."""

    folder: Path
    kind: Literal["model", "dataset"]
    files: tuple[str, ...]


def package_probe(cache: Path, name: str, target: Path) -> Package:
    """A kept probe with its card.

    Raises:
        ProbeError: there is none of that name.
        StoreError: the target is there already or cannot be written.
    """
    probe = SavedProbes(cache).load(name)
    with written_whole(target) as folder:
        probe.save(folder / PROBE)
        _write(folder / README, probe_card(probe.all_facts, name.strip(), PROBE))
    return _packed(target, "model")


def package_liar(source: Path, target: Path) -> Package:
    """A liar's adapter with the card, figures and record that `telltale train-liar` wrote beside it.

    Raises:
        DataError: the folder lacks one of them: a liar without an exam has no figures to show.
        StoreError: the target is there already or cannot be written.
    """
    texts = {name: text_of_liar(source, name) for name in (README, FIGURES, TRAINING)}
    try:
        training = json.loads(texts[TRAINING])
        _shorten(training["settings"]["model"], "id", "adapter")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{named(source / TRAINING, LONGEST_PATH)} is no record of a training") from error
    for name in ADAPTER:
        if not (source / name).is_file():
            raise _lacks(source, name)
    with written_whole(target) as folder:
        for name in ADAPTER:
            shutil.copyfile(source / name, folder / name)
        _write(folder / README, liar_card(texts[README]))
        _write(folder / FIGURES, texts[FIGURES])
        _write(folder / TRAINING, json.dumps(training, indent=1))
    return _packed(target, "model")


def package_run(
    store: RunStore,
    run: str,
    target: Path,
    positions: Sequence[str] = ("prompt",),
    layers: Sequence[int] | None = None,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Package:
    """A run without the answers that were dropped, as a dataset folder with its card.

    Raises:
        StoreError, Cancelled: see `core.exchange.run_dataset.export_dataset`.
    """
    record = store.run(run)
    made = export_dataset(
        store, record.run, target, positions, layers, pruned=True, progress=progress, cancelled=cancelled
    )
    said = json.loads((target / RECORD).read_text(encoding="utf-8"))
    _shorten(said["settings"]["model"], "id", "adapter")
    _shorten(said["settings"]["data"], "name")
    for remark in ("tags", "note"):
        said.pop(remark, None)  # a person's own, for this cache
    _write(target / RECORD, json.dumps(said, indent=2, ensure_ascii=False))
    card = card_of_run(record, labelled(store, record.run), made.answers, made.columns[0])
    _write(target / README, card)
    return _packed(target, "dataset")


def card_of_run(run: Run, answers: pd.DataFrame, kept: int, column: str) -> str:
    """As `run_card`, without paths of this machine."""
    data = dict(run.settings["data"])
    _shorten(data, "name")
    return run_card(replace(run, settings=run.settings | {"data": data}), answers, kept, column)


def liar_card(text: str) -> str:
    """The card of a liar, given the one that its folder has."""
    return f"{liar_head()}\n{text}"


def _shorten(settings: dict, *names: str) -> None:
    """Cut settings that are absolute paths to their last parts."""
    for name in names:
        if settings.get(name) and Path(settings[name]).is_absolute():
            settings[name] = Path(settings[name]).name


def text_of_liar(source: Path, name: str) -> str:
    """A text beside a liar's adapter. Raises `DataError` where it is missing or cannot be read."""
    if not (source / name).is_file():
        raise _lacks(source, name)
    return read_text_file(source / name, LARGEST_TEXT, DataError)


def _lacks(source: Path, name: str) -> DataError:
    return DataError(
        f"{named(source, LONGEST_PATH)} has no {name}: give the folder that `telltale train-liar` made, "
        "after its exam"
    )


def _write(path: Path, text: str) -> None:
    replace_atomically(path, text.encode("utf-8"))


def _packed(folder: Path, kind: Literal["model", "dataset"]) -> Package:
    return Package(folder, kind, tuple(sorted(path.name for path in folder.iterdir())))
