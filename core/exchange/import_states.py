"""States harvested elsewhere, with labels, become a run, which says that it is imported."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from core.data.sources import DataSettings, fingerprint
from core.downloads import Progress, ignore_progress
from core.engine.not_finite import NOTHING
from core.engine.settings import HarvestSettings
from core.errors import Cancelled, DataError
from core.exchange.brought_states import Brought, bring
from core.exchange.run_name import named_template
from core.models.catalog import NO_MODEL, ModelSettings
from core.prompts.chat import ChatFormat
from core.prompts.templates import Template
from core.shown import named, quoted
from core.store.runs import RunStore

TEMPLATE = "imported states"
"""The name of such a run's template, which stands in its title."""
POSITION = "prompt"
LONGEST_NAME = 100
MOST_ROWS = 256
BLOCK_BYTES = 128 << 20
"""Of states that are in memory together, and in chunks of as many rows; a block has one row at least."""


@dataclass(frozen=True)
class Imported:
    """What an import came to: the run, its answers, and how many of these have states that are not finite.

    `found`: the same import was there before, and nothing was written.
    """

    run: str
    answers: int
    not_finite: int
    found: bool

    def __str__(self) -> str:
        told = f"{self.run}: {self.answers:,} answers, {'found' if self.found else 'imported'}"
        if self.not_finite:
            told += f"; the states of {self.not_finite:,} are not finite, and in no data"
        return told


def import_states(
    store: RunStore,
    states: Path,
    labels: Path | None = None,
    *,
    model: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    name: str | None = None,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Imported:
    """Make a run of states and labels. The states stand at position `prompt`, wherever they were read.

    Rows whose states hold NaN or infinity are marked as not finite, as a harvest marks them.

    Args:
        states: an .npz or .safetensors file, a folder with an .npy file for each layer, or a dataset folder.
        labels: a CSV, JSONL or Parquet file, its rows in the states' order; None where a dataset has them.
        model: what the model is called that the states are of, so that runs of one model are known to be.
        name: of the run, which stands in its title and changes nothing else.

    Raises:
        DataError, ModelError: what was brought cannot be read, or does not fit together.
        Cancelled: `cancelled` said so.
        StoreError: it cannot be written. Whatever is refused, nothing of it stays; where the disk is full as
            answers are committed, those that are stay, and the same import goes on.
    """
    progress(0.0, "reading what was brought")
    brought = bring(states, labels, text_column, label_column)
    settings = settings_of(brought, name)
    facts = facts_of(brought, model)
    content = json.dumps([fingerprint(brought.answers.questions), brought.told])
    run = settings.run_id(hashlib.sha256(content.encode()).hexdigest(), facts["model_content"])
    there = [known for known in store.runs() if known.run == run]
    if there and there[0].complete:
        return Imported(run, there[0].answers, len(store.not_finite(run)), True)
    with store.writing(run):
        try:
            finite = _write_states(store, run, brought, progress, cancelled)
            if not finite.any():
                raise DataError(
                    f"{named(states.name)} has NaN or infinity in every row: there is nothing to read"
                )
        except BaseException:
            if not there:
                store.discard(run)
            raise
        _write_answers(store, run, settings, facts, brought, finite)
    progress(1.0, "imported")
    return Imported(run, len(finite), int((~finite).sum()), False)


def settings_of(brought: Brought, name: str | None = None) -> HarvestSettings:
    """The settings of a run of imported states; its questions are those of the table."""
    answers = brought.answers
    return HarvestSettings(
        DataSettings(str(brought.labels), mapping=replace(answers.mapping, id=None)),
        Template(named_template(TEMPLATE, name), "{text}", answers.choices),
        ModelSettings(NO_MODEL),
        modes=tuple(dict.fromkeys(answers.modes)),
        positions=(POSITION,),
        calibration="none",
    )


def facts_of(brought: Brought, model: str | None) -> dict:
    """What views need to know of the run. `imported` says of which files it is made, by name and SHA-256.

    Raises:
        DataError: the model's name is empty, too long, or not to be seen.
    """
    if model is not None and not (0 < len(model.strip()) <= LONGEST_NAME and model.isprintable()):
        raise DataError(
            f"{quoted(model)} is no name of a model: choose 1 to {LONGEST_NAME} characters that can be seen"
        )
    told = brought.told
    return {
        "model": f"{told['states']} {told['states_sha256'][:6]}" if model is None else model.strip(),
        "model_content": f"imported {told['states_sha256'] if model is None else model.strip()}",
        "adapter": None,
        "first_block": None,
        "layers": brought.source.layers,
        "d_model": brought.source.d_model,
        "dtype": "float32",
        "open": False,
        "choices": list(brought.answers.choices),
        "single_token": False,
        "spellings": [],
        "continuations": [],
        "form": asdict(ChatFormat(chat=False, system=False)),
        "demonstrations": [],
        "calibrated_on": [],
        "imported": told,
    }


def _write_states(
    store: RunStore,
    run: str,
    brought: Brought,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> np.ndarray:
    """Write all states; gives which rows of them are finite, (rows,)."""
    store.settle(run)
    source, states = brought.source, store.states(run)
    block = max(1, min(MOST_ROWS, BLOCK_BYTES // (source.layers * source.d_model * 4)))
    rows = -(-source.rows // block) * block
    states.create((POSITION,), rows, source.layers, source.d_model, block)
    finite, first = np.zeros(source.rows, dtype=bool), 0
    for part in source.blocks(block):
        if cancelled():
            raise Cancelled("the import was cancelled: nothing of it is kept")
        progress(first / source.rows, f"{first:,} of {source.rows:,} answers")
        states.write(POSITION, first, part)
        finite[first : first + len(part)] = np.isfinite(part).all(axis=(1, 2))
        first += len(part)
    return finite


def _write_answers(
    store: RunStore,
    run: str,
    settings: HarvestSettings,
    facts: dict,
    brought: Brought,
    finite: np.ndarray,
) -> None:
    """Commit the answers, whose states are on disk by now."""
    answers = brought.answers
    store.begin(run, settings.to_dict(), facts, len(finite), answers.questions)
    rows = [
        NOTHING
        | answers.key(row)
        | {
            "generated": answers.generated[row],
            "ids": "[]",
            "said": answers.said[row] if finite[row] else None,
            "prompt_tokens": 0,
            "not_finite": int(not finite[row]),
        }
        for row in range(len(finite))
    ]
    for start in range(0, len(rows), MOST_ROWS):
        store.add_answers(run, rows[start : start + MOST_ROWS])
    store.finish(run)
