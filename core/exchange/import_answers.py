"""Answers from transcripts and Inspect logs become a run, read with a model and said to be off-policy."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.answers import make_reader
from core.data.sources import DataSettings, fingerprint
from core.downloads import Progress, ignore_progress, sha256_of
from core.engine.decoding import POSITIONS
from core.engine.facts import model_facts, spelling_facts
from core.engine.settings import HarvestSettings
from core.errors import Cancelled
from core.exchange.brought_states import place_of
from core.exchange.given_answers import GivenAnswer, given_answer, in_blocks, read_given
from core.exchange.imported_answers import ImportedAnswers
from core.exchange.run_name import named_template
from core.exchange.transcripts import read_transcripts
from core.models.loading import LoadedModel
from core.prompts.chat import chat_format
from core.prompts.templates import Template
from core.shown import named
from core.store.runs import RunStore

TEMPLATE = "given answers, off-policy"
"""The name of such a run's template, which stands in its title."""
BLOCK = 32
"""Answers that are read, written and committed together."""


@dataclass(frozen=True)
class ImportedRun:
    """What an import came to: the run, how many answers, and how many of the log's samples had no label.

    `model`: that read them; `resumed`: some or all of it was there before.
    """

    run: str
    answers: int
    without_label: int
    model: str
    resumed: bool

    def __str__(self) -> str:
        told = f"{self.run}: {self.answers:,} answers, read off-policy with {self.model}"
        if self.without_label:
            told += (
                f"; {self.without_label:,} samples were scored neither correct nor incorrect, and left out"
            )
        return told


@dataclass(frozen=True, eq=False)
class Given:
    """Answers that a person brings, ready to be read."""

    path: Path
    answers: ImportedAnswers
    turns: list[GivenAnswer]
    without_label: int


def import_answers(
    store: RunStore,
    path: Path,
    loaded: LoadedModel,
    *,
    name: str | None = None,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> ImportedRun:
    """Make a run of the last assistant turn of each transcript, its states read with a model.

    The label is what somebody, or an evaluation's scorer, says of that answer. Off-policy: the model did not
    choose these words, and its states while it reads them need not be those while it says them.

    Args:
        path: of chat transcripts (.jsonl), or of a log of Inspect (.eval or .json).
        name: of the run, which stands in its title and changes nothing else.

    Raises:
        DataError, TemplateError: what was brought cannot be read, or does not fit the model.
        RunHeld, StoreError: it cannot be written; what is committed stays, and the same import goes on.
        Cancelled: `cancelled` said so; the same holds.
    """
    progress(0.0, "reading the transcripts")
    given = open_answers(place_of(path), loaded)
    settings = settings_of(given, loaded, name)
    reader = make_reader(loaded.tokenizer, settings.template.choices)
    content = [
        fingerprint(given.answers.questions),
        [asdict(turn) for turn in given.turns],
        given.answers.said,
    ]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    run, total = settings.run_id(digest, loaded.fingerprint), len(given.turns)
    with store.writing(run):
        store.settle(run)
        store.begin(run, settings.to_dict(), facts_of(given, loaded, reader), total, given.answers.questions)
        complete = store.run(run).complete
        if not complete:
            store.set_damaged_aside(run)
        states = store.states(run)
        states.create(POSITIONS, -(-total // BLOCK) * BLOCK, loaded.layers, loaded.d_model, BLOCK)
        done = store.done(run)
        for rows in in_blocks(total, BLOCK):
            if done.issuperset(rows):
                continue
            if cancelled():
                raise Cancelled(
                    "the import was cancelled: what was read is kept, and the same import goes on"
                )
            progress(rows.start / total, f"{rows.start:,} of {total:,} answers")
            read = read_given(
                loaded, [given.turns[r] for r in rows], [given.answers.said[r] for r in rows], reader
            )
            for position in POSITIONS:
                states.write(position, rows.start, np.stack([one.states[position] for one in read]))
            keys = (given.answers.key(row) for row in rows)
            store.add_answers(run, [key | one.row for key, one in zip(keys, read, strict=True)])
        if not complete:
            store.finish(run)
    progress(1.0, "imported")
    return ImportedRun(run, total, given.without_label, loaded.name, bool(done))


def open_answers(path: Path, loaded: LoadedModel) -> Given:
    """The answers in a file, as the model is to read them.

    Raises:
        DataError, TemplateError: see `import_answers`.
    """
    found = read_transcripts(path)
    turns = [
        given_answer(loaded, one, place) for place, one in zip(found.places, found.conversations, strict=True)
    ]
    return Given(path, found.answers, turns, found.without_label)


def settings_of(given: Given, loaded: LoadedModel, name: str | None = None) -> HarvestSettings:
    """The settings of such a run; its questions are what the users said last."""
    return HarvestSettings(
        DataSettings(str(given.path)),
        Template(named_template(TEMPLATE, name), "{text}", given.answers.choices),
        loaded.settings,
        modes=tuple(dict.fromkeys(given.answers.modes)),
        calibration="none",
    )


def facts_of(given: Given, loaded: LoadedModel, reader: Any) -> dict:
    """What views need to know of the run: as of a harvest, and which file its answers were given in."""
    return {
        **model_facts(loaded),
        "open": False,
        "choices": list(reader.choices),
        "single_token": reader.single,
        "spellings": spelling_facts(reader),
        "continuations": [],
        "form": asdict(chat_format(loaded.tokenizer)),
        "demonstrations": [],
        "calibrated_on": [],
        "off_policy": True,
        "imported": {"answers": named(given.path.name), "answers_sha256": sha256_of(given.path)},
    }
