"""Labelled text sets through the `datasets` library: three presets, any other hub set, or local files.

Only data is loaded, never code: a name must be a preset, a path or `owner/name`, so that no builder of the
library can be named, and the library itself runs no loading scripts.
"""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.data.question import Question
from core.data.tables import MAX_ROWS, is_table_name
from core.data.uploads import ColumnMapping, guess_mapping, questions_from_table
from core.errors import DataError

BUILDERS = {".csv": "csv", ".jsonl": "json", ".parquet": "parquet"}
COMPOSED = "composed text"


@dataclass(frozen=True)
class Preset:
    """A hub set whose columns are known.

    Attributes:
        dataset_id: owner and name on the hub.
        split: the split that is taken by default.
        text: the text of a question, with columns in braces.
        label: the label's column.
        label_names: the choices, negative first.
    """

    dataset_id: str
    split: str
    text: str
    label: str
    label_names: tuple[str, str]


PRESETS = {
    "amazon_polarity": Preset(
        "fancyzhx/amazon_polarity", "test", "{title}\n{content}", "label", ("Negative", "Positive")
    ),
    "imdb": Preset("stanfordnlp/imdb", "test", "{text}", "label", ("Negative", "Positive")),
    "boolq": Preset(
        "google/boolq", "validation", "{passage}\nQuestion: {question}?", "answer", ("No", "Yes")
    ),
}


def load_hub(
    dataset_id: str,
    split: str | None = None,
    mapping: ColumnMapping | None = None,
    n: int | None = None,
    seed: int = 0,
    cache: Path | None = None,
) -> list[Question]:
    """Questions from a hub set or a local folder or file, loaded by `datasets`.

    Args:
        dataset_id: a preset's name, `owner/name` on the hub, or a path to a folder or a
            CSV, JSONL or Parquet file.
        split: by default the preset's, else the only one that there is.
        mapping: what the columns mean; by default the preset's, else guessed.
        n: how many rows to draw, seeded, before anything else; None for all.
        cache: the cache folder; the library's own where None.

    Raises:
        DataError: the set is unknown, out of reach or not usable as it is.
    """
    return questions_from_table(*hub_table(dataset_id, split, mapping, n, seed, cache))


def hub_table(
    dataset_id: str,
    split: str | None = None,
    mapping: ColumnMapping | None = None,
    n: int | None = None,
    seed: int = 0,
    cache: Path | None = None,
) -> tuple[pd.DataFrame, ColumnMapping, str]:
    """What `load_hub` makes its questions from: the rows, what their columns mean, the source's name."""
    preset = PRESETS.get(dataset_id)
    dataset = _load(dataset_id, preset, split, cache)
    source = dataset_id if preset or not Path(dataset_id).expanduser().exists() else Path(dataset_id).name
    return _table_of(dataset, source, preset if mapping is None else None, mapping, n, seed)


def questions_from_dataset(
    dataset: Any,
    source: str,
    preset: Preset | None = None,
    mapping: ColumnMapping | None = None,
    n: int | None = None,
    seed: int = 0,
) -> list[Question]:
    """Questions from a loaded `datasets.Dataset`; rows whose text is blank are left out.

    Raises:
        DataError: a column is missing, the labels are not two, or there are more than 1,000,000 rows.
    """
    return questions_from_table(*_table_of(dataset, source, preset, mapping, n, seed))


def _table_of(
    dataset: Any,
    source: str,
    preset: Preset | None,
    mapping: ColumnMapping | None,
    n: int | None,
    seed: int,
) -> tuple[pd.DataFrame, ColumnMapping, str]:
    if n is not None and n < 1:
        raise DataError(f"cannot draw {n} rows of {source}: ask for at least 1")
    if n is not None and n < len(dataset):
        dataset = dataset.select(sorted(random.Random(seed).sample(range(len(dataset)), n)))
    if len(dataset) > MAX_ROWS:
        raise DataError(f"{source} has {len(dataset):,} rows: ask for at most {MAX_ROWS:,}")
    frame = dataset.to_pandas()
    frame.index.name = None
    if preset is not None:
        try:
            frame[COMPOSED] = [preset.text.format(**row) for row in frame.to_dict("records")]
        except KeyError as error:
            raise DataError(f"{source} has no column {error.args[0]!r}, which its preset needs") from error
        mapping = ColumnMapping(COMPOSED, preset.label, label_names=preset.label_names)
    elif mapping is None:
        mapping = guess_mapping(frame, source)
    names = getattr(dataset.features.get(mapping.label), "names", None)
    if names and preset is None:
        frame[mapping.label] = [names[int(value)] if value >= 0 else None for value in frame[mapping.label]]
    if mapping.text in frame:
        frame = frame[[not isinstance(text, str) or bool(text.strip()) for text in frame[mapping.text]]]
    return frame, mapping, source


def _load(dataset_id: str, preset: Preset | None, split: str | None, cache: Path | None) -> Any:
    path = Path(dataset_id).expanduser()
    is_local = preset is None and bool(dataset_id.strip()) and path.exists()
    if preset is None and not is_local and dataset_id.count("/") != 1:
        raise DataError(
            f"unknown hub set {dataset_id!r}: choose {', '.join(PRESETS)}, owner/name, "
            "or a local folder or file"
        )
    import datasets

    options: dict[str, Any] = {"cache_dir": str(cache / "data" / "hub") if cache else None}
    wanted = split or (preset.split if preset else None)
    try:
        if is_local and path.is_file() and is_table_name(path.name):
            builder = BUILDERS[path.suffix.lower()]
            loaded = datasets.load_dataset(builder, data_files=str(path), split=wanted, **options)
        else:
            name = preset.dataset_id if preset else str(path) if is_local else dataset_id
            loaded = datasets.load_dataset(name, split=wanted, **options)
    except Exception as error:
        # The library passes on whatever its network, file and parsing layers raise.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DataError(
            f"{dataset_id} cannot be loaded ({reason}): check the name, split and network"
        ) from error
    if isinstance(loaded, dict):
        if len(loaded) != 1:
            raise DataError(f"{dataset_id} has the splits {', '.join(map(str, loaded))}: choose one")
        loaded = next(iter(loaded.values()))
    return loaded
