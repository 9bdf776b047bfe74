"""The harvest: every answer of a plan generated, its states written, its row committed, in that order.

Writing goes on beside computing, a block or two behind it.

A harvest cut off in any way goes on where it stopped: what is committed is whole, what is not is made again.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from core.answers import Reader, make_reader
from core.calibration import draw_labelled
from core.data.question import Question
from core.data.sources import fingerprint, load_pool, load_questions
from core.engine.batches import PACKED_TOKENS
from core.engine.choice_worker import ChoiceWorker
from core.engine.facts import model_facts, spelling_facts
from core.engine.open_worker import OpenWorker
from core.engine.plan import Block, Plan, make_plan
from core.engine.settings import HarvestSettings
from core.engine.shard import WHOLE, Shard
from core.engine.storing import Receipt, begin, commit, write_states
from core.engine.token_budget import token_budget
from core.engine.writer import Writer
from core.errors import RunHeld
from core.models.loading import LoadedModel
from core.prompts.chat import check_length
from core.store.runs import RunStore

LOOK_EVERY = 1.0
"""Seconds between two looks at a run that another process is at."""


@dataclass(frozen=True)
class HarvestProgress:
    """How far a harvest is: answers done of planned, seconds since it started, answers made by it."""

    done: int
    planned: int
    made: int
    seconds: float

    @property
    def rate(self) -> float:
        """Answers a second, of those made now."""
        return self.made / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds still needed, None before the first answers."""
        return (self.planned - self.done) / self.rate if self.made else None


@dataclass(frozen=True)
class HarvestResult:
    """What a harvest came to. `resumed`: some or all of it was there before."""

    run: str
    answers: int
    seconds: float
    made: int
    resumed: bool
    complete: bool


@dataclass(frozen=True, eq=False)
class Prepared:
    """A harvest ready to run: its id and plan; reader, None for open questions; questions to calibrate on."""

    run: str
    plan: Plan
    reader: Reader | None
    labelled: list[Question]

    def worker(self, loaded: LoadedModel, tokens: int = PACKED_TOKENS) -> ChoiceWorker | OpenWorker:
        """What answers the plan's blocks: generate, keep, rows. `tokens`: of a packed batch at most."""
        if self.reader is None:
            return OpenWorker(self.plan, loaded, tokens)
        return ChoiceWorker(self.plan, self.reader, self.labelled, loaded, tokens)


def prepare(
    settings: HarvestSettings,
    loaded: LoadedModel,
    cache: Path,
    questions: list[Question] | None = None,
    pool: list[Question] | None = None,
) -> Prepared:
    """Everything that can be refused, refused before anything runs.

    Args:
        questions: in place of those that the settings name; an upload's, say.

    Raises:
        DataError, TemplateError: see `load_questions`, `make_plan`, `make_reader` and `draw_labelled`.
    """
    reader = None if settings.open else make_reader(loaded.tokenizer, settings.template.choices)
    asked = load_questions(cache, settings.data) if questions is None else questions
    fits = settings.calibration == "platt"
    others = (load_pool(cache, settings.data) if settings.shots or fits else []) if pool is None else pool
    plan = make_plan(settings, asked, others, loaded.tokenizer, loaded.context)
    shown = [demo for demos in plan.demonstrations for demo in demos]
    taken = {question.group for question in [*asked, *shown]}
    labelled = draw_labelled(others, taken, settings.data.seed) if fits else []
    for question, arm in product(labelled, plan.arms):
        check_length(plan.prompt(question, arm), 1, plan.context, f"question {question.id}, to calibrate on")
    run = settings.run_id(fingerprint([*plan.questions, *shown, *labelled]), loaded.fingerprint)
    return Prepared(run, plan, reader, labelled)


def harvest(
    prepared: Prepared,
    loaded: LoadedModel,
    store: RunStore,
    *,
    shard: Shard = WHOLE,
    progress: Callable[[HarvestProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> HarvestResult:
    """Run a prepared harvest to its end, or until it is cancelled; a finished one is found, not made again.

    Args:
        shard: make this part alone.

    Raises:
        RunHeld: another job writes this run.
        StoreError: the disk is full; what is committed stays.
        TemplateError: a prompt longer than the context.
    """
    run, plan = prepared.run, prepared.plan
    began, planned = time.monotonic(), shard.answers(plan)
    with store.writing(run):
        tokens = tokens_as_begun(store, run) or tokens_that_suit(prepared, loaded, store.cache)
        done = begin(store, run, plan, describe(prepared, loaded) | {"batch_tokens": tokens})
        before = len(done)
        worker: Any = prepared.worker(loaded, tokens)

        def write(made: tuple[Block, list[Any], Receipt]) -> None:
            block, generated, receipt = made
            write_states(store, run, worker, block, generated)
            commit(store, run, receipt)
            done.update(item.row for item in block.items)

        def tell() -> None:
            made = len(done) - before
            progress(HarvestProgress(len(done), planned, made, time.monotonic() - began))

        tell()
        if before < planned:
            there = frozenset(done)
            with Writer(write) as writer:
                for blocks in shard.groups(plan):
                    if all(item.row in there for block in blocks for item in block.items):
                        continue
                    if cancelled():
                        break
                    # All of a group, though some may be there: its batches are then those of a run in one go.
                    for block, generated in zip(blocks, worker.generate(blocks), strict=True):
                        if any(item.row not in there for item in block.items):
                            writer.put((block, generated, Receipt.of(worker, block, generated)))
                    tell()
            tell()
        complete = len(done) >= planned
        if len(done) >= plan.answers and not store.run(run).complete:
            store.finish(run)
    seconds = time.monotonic() - began
    return HarvestResult(run, len(done), seconds, len(done) - before, before > 0, complete)


def harvest_or_watch(
    prepared: Prepared,
    loaded: LoadedModel,
    store: RunStore,
    *,
    shard: Shard = WHOLE,
    progress: Callable[[HarvestProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    watching: Callable[[], None] = lambda: None,
) -> HarvestResult:
    """As `harvest`; while another process is at the same run, watch it, and go on where it ends early.

    Args:
        watching: called once, where another process is found to be at it.

    Raises:
        StoreError, TemplateError: see `harvest`.
    """
    began, told = time.monotonic(), False
    while True:
        try:
            return harvest(prepared, loaded, store, shard=shard, progress=progress, cancelled=cancelled)
        except RunHeld:
            if not told:
                watching()
                told = True
        done = len(store.done(prepared.run))
        seconds = time.monotonic() - began
        progress(HarvestProgress(done, shard.answers(prepared.plan), 0, seconds))
        if cancelled():
            return HarvestResult(prepared.run, done, seconds, 0, True, False)
        time.sleep(LOOK_EVERY)


def tokens_as_begun(store: RunStore, run: str) -> int | None:
    """Tokens of a packed batch when a run began, so that going on makes the same; None before it has."""
    begun = [known for known in store.runs() if known.run == run]
    return begun[0].facts.get("batch_tokens", PACKED_TOKENS) if begun else None


def tokens_that_suit(prepared: Prepared, loaded: LoadedModel, cache: Path) -> int:
    """Tokens of a packed batch that suit the model and the device, for a run that begins."""
    plan = prepared.plan
    each = [len(plan.prompt(plan.questions[0], arm).ids) for arm in plan.arms]
    return token_budget(loaded, cache, plan.answers * sum(each) // len(each))


def describe(prepared: Prepared, loaded: LoadedModel) -> dict:
    """What every view needs to know of a run without loading its model."""
    reader, plan = prepared.reader, prepared.plan
    return {
        **model_facts(loaded),
        "open": reader is None,
        "choices": list(plan.settings.template.choices),
        "single_token": reader is None or reader.single,
        "spellings": spelling_facts(reader),
        "continuations": [
            {"choice": choice, "ids": list(ids), "text": loaded.tokenizer.decode(ids)}
            for choice, ids in zip(plan.settings.template.choices, plan.continuations, strict=False)
        ],
        "form": asdict(plan.form),
        "demonstrations": [[_as_shown(demo) for demo in demos] for demos in plan.demonstrations],
        "calibrated_on": [question.id for question in prepared.labelled],
    }


def _as_shown(demo: Question) -> dict:
    """A demonstration as a run's facts keep it: what is right of an open question, and of no other."""
    return {name: value for name, value in asdict(demo).items() if name != "accepted" or value}
