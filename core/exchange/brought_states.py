"""Opens states and labels that a person brings, and checks that they belong together."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from core.data.tables import read_table
from core.downloads import sha256_of
from core.errors import DataError
from core.exchange.dataset_states import dataset_source, labels_of_dataset, open_dataset, plain_columns
from core.exchange.imported_answers import ImportedAnswers, imported_answers
from core.exchange.numpy_states import npy_folder_source, npz_source
from core.exchange.safetensors_states import safetensors_source
from core.exchange.state_source import StateSource
from core.shown import LONGEST_PATH, named

OF_A_DATASET = "dataset_info.json"
"""A file that every dataset folder has."""
READERS = {".npz": npz_source, ".safetensors": safetensors_source}


@dataclass(frozen=True, eq=False)
class Brought:
    """What a person brings: states, the answers that they are of, and where both came from.

    Attributes:
        states: their whole path.
        labels: the path of the table, or of the dataset that has its labels in it.
    """

    source: StateSource
    answers: ImportedAnswers
    states: Path
    labels: Path

    @cached_property
    def told(self) -> dict[str, str]:
        """For the run's facts, the files' names and SHA-256: all of both is read."""
        told = {"states": named(self.states.name), "states_sha256": content_hash(self.states)}
        if self.labels != self.states:
            told |= {"labels": named(self.labels.name), "labels_sha256": content_hash(self.labels)}
        return told


def bring(states: Path, labels: Path | None, text: str | None, label: str | None) -> Brought:
    """Open states and labels, and check that they belong together.

    Raises:
        DataError, ModelError: see `import_states`.
    """
    states = place_of(states)
    where = states if labels is None else place_of(labels)
    source, frame = _open(states, None if labels is None else where)
    if len(frame) != source.rows:
        raise DataError(
            f"{named(states.name)} has {source.rows:,} rows and {named(where.name)} has {len(frame):,}: each "
            "row of states needs its label, in the same order"
        )
    return Brought(source, imported_answers(frame, where.name, text, label), states, where)


def label_columns(states: Path, labels: Path | None) -> list[str]:
    """The columns among which text and label are; none where states come without any.

    Raises:
        DataError: the table or dataset cannot be read.
    """
    if labels is not None:
        return [str(name) for name in read_table(place_of(labels)).columns]
    folder = place_of(states)
    return plain_columns(open_dataset(folder)) if has_own_labels(folder) else []


def has_own_labels(states: Path) -> bool:
    """Whether states need no table beside them, for they are in a dataset's folder."""
    return (states / OF_A_DATASET).is_file()


def _open(states: Path, labels: Path | None) -> tuple[StateSource, pd.DataFrame]:
    if has_own_labels(states):
        dataset = open_dataset(states)
        own = labels_of_dataset(dataset, named(states.name)) if labels is None else read_table(labels)
        return dataset_source(dataset, states), own
    if labels is None:
        raise DataError(
            f"{named(states.name)} holds states alone: name the table of their labels with --labels"
        )
    if states.is_dir():
        return npy_folder_source(states), read_table(labels)
    if (read := READERS.get(states.suffix.lower())) is None:
        raise DataError(
            f"{named(states.name)} is of no kind that states are read from: choose .npz, .safetensors, a "
            "folder of .npy files or a dataset folder"
        )
    return read(states), read_table(labels)


def place_of(path: Path) -> Path:
    """The whole path of a file or folder that is there; pipes and devices may never end, and do not count.

    Raises:
        DataError: there is none, or none can have that name.
    """
    try:
        place = path.expanduser().absolute()
        there = place.is_file() or place.is_dir()
    except (OSError, RuntimeError, ValueError):  # too long for a name, or the home of nobody
        there = False
    if not there:
        raise DataError(f"there is no file or folder {named(path, LONGEST_PATH)}")
    return place


def content_hash(path: Path) -> str:
    """The SHA-256 (64 hexadecimal digits) of a file, or of the names and contents of a folder's files."""
    if not path.is_dir():
        return sha256_of(path)
    digest = hashlib.sha256()
    for file in sorted(found for found in path.iterdir() if found.is_file()):
        digest.update(f"{file.name}\0{sha256_of(file)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
