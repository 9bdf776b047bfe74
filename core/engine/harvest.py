"""The harvest: every answer of a plan generated, its states written, its row committed, in that order.

A harvest cut off in any way goes on where it stopped: what is committed is whole, what is not is made again.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from core.answers import (
    Reader,
    boundary_ids,
    choice_masses,
    leaning,
    log_odds,
    make_reader,
)
from core.calibration import (
    CONTENT_FREE,
    CONTENT_FREE_MEAN,
    MEAN,
    Calibration,
    draw_labelled,
    fit_content_free,
    fit_labelled,
)
from core.data.question import Question
from core.data.sources import fingerprint, load_pool, load_questions
from core.engine.batches import cut_batches
from core.engine.generate import Decoding, Generated, generate_batch
from core.engine.plan import Arm, Block, Plan, make_plan
from core.engine.prefix import EMPTY, Prefix, compute_prefix
from core.engine.settings import HarvestSettings
from core.models.loading import LoadedModel
from core.prompts.chat import check_length
from core.prompts.modes import MODES
from core.store.runs import RunStore


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
    """A harvest ready to run: its id, plan and reader, and the questions to calibrate on."""

    run: str
    plan: Plan
    reader: Reader
    labelled: list[Question]


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
    reader = make_reader(loaded.tokenizer, settings.template.choices)
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
    progress: Callable[[HarvestProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> HarvestResult:
    """Run a prepared harvest to its end, or until it is cancelled; a finished one is found, not made again.

    Raises:
        StoreError: the disk is full, or another job writes this run; what is committed stays.
        TemplateError: a prompt longer than the context.
    """
    run, plan = prepared.run, prepared.plan
    began = time.monotonic()
    with store.writing(run):
        store.begin(run, plan.settings.to_dict(), describe(prepared, loaded), plan.answers, plan.questions)
        states = store.states(run)
        states.create(plan.settings.positions, plan.rows, loaded.layers, loaded.d_model, plan.block_size)
        done = store.done(run)
        before = len(done)
        worker = _Worker(prepared, loaded)
        progress(HarvestProgress(before, plan.answers, 0, 0.0))
        if before < plan.answers:
            for block in plan.blocks():
                if all(item.row in done for item in block.items):
                    continue
                if cancelled():
                    break
                generated = worker.generate(block)
                for position in plan.settings.positions:
                    rows = np.stack([answer.states[position] for answer in generated])
                    states.write(position, block.first_row, rows)
                if plan.settings.calibration != "none":
                    store.add_calibration(run, worker.calibration_row(block.arm))
                store.add_answers(run, worker.rows(block, generated))
                done.update(item.row for item in block.items)
                made = len(done) - before
                progress(HarvestProgress(len(done), plan.answers, made, time.monotonic() - began))
        complete = len(done) >= plan.answers
        if complete and before < plan.answers:
            store.finish(run)
    seconds = time.monotonic() - began
    return HarvestResult(run, len(done), seconds, len(done) - before, before > 0, complete)


def describe(prepared: Prepared, loaded: LoadedModel) -> dict:
    """What every view needs to know of a run without loading its model."""
    reader = prepared.reader
    return {
        "model": loaded.name,
        "model_content": loaded.fingerprint,
        "adapter": loaded.settings.adapter_name,
        "layers": loaded.layers,
        "d_model": loaded.d_model,
        "dtype": str(loaded.dtype).removeprefix("torch."),
        "choices": list(reader.choices),
        "single_token": reader.single,
        "spellings": [
            {"choice": s.choice, "ids": list(s.ids), "text": s.text, "token": s.token}
            for s in reader.spellings
        ],
        "form": asdict(prepared.plan.form),
        "demonstrations": [[asdict(demo) for demo in demos] for demos in prepared.plan.demonstrations],
        "calibrated_on": [question.id for question in prepared.labelled],
    }


class _Worker:
    """Keeps what blocks share: prefixes, calibrations, word boundaries."""

    def __init__(self, prepared: Prepared, loaded: LoadedModel) -> None:
        self.plan, self.reader, self.loaded = prepared.plan, prepared.reader, loaded
        self.boundary = None if self.reader.single else boundary_ids(loaded.tokenizer)
        self._prefixes: dict[Arm, tuple[tuple[int, ...], Prefix]] = {}
        self.labelled = prepared.labelled
        self._calibrations: dict[Arm, Calibration] = {}

    def generate(self, block: Block) -> list[Generated]:
        """The block's answers in its order, in batches that waste little on padding."""
        prompts = [item.prompt.ids for item in block.items]
        prefix = self._prefix_of(block.arm, prompts)
        answers: list[Generated] = []
        for batch in cut_batches([len(prompt) - prefix.length for prompt in prompts]):
            items = [block.items[number] for number in batch]
            answers += generate_batch(
                self.loaded,
                [item.prompt.ids for item in items],
                self.reader,
                self.plan.settings.decoding,
                prefix=prefix,
                positions=self.plan.settings.positions,
                boundary=self.boundary,
                keys=[f"{self.plan.questions[i.question].id} {block.arm} {i.sample}" for i in items],
            )
        return answers

    def rows(self, block: Block, generated: list[Generated]) -> list[dict]:
        """The block's answers as database rows."""
        offset = self.calibration(block.arm).offset
        rows = []
        for item, answer in zip(block.items, generated, strict=True):
            p_0, p_1 = choice_masses(self.reader, list(answer.spelling_probabilities))
            rows.append(
                {
                    "answer": item.row,
                    "number": item.question,
                    "mode": block.arm.mode,
                    "wording": block.arm.wording,
                    "order": block.arm.order,
                    "demo_set": block.arm.demo_set,
                    "sample": item.sample,
                    "generated": answer.text,
                    "ids": json.dumps(answer.ids),
                    "said": answer.said.choice,
                    "said_start": answer.said.start,
                    "said_end": answer.said.end,
                    "p_0": p_0,
                    "p_1": p_1,
                    "outside": max(0.0, 1 - p_0 - p_1),
                    "leans": leaning(p_0, p_1),
                    "leans_calibrated": leaning(p_0, p_1, offset),
                    "offset": offset,
                    "spellings": json.dumps(answer.spelling_probabilities),
                    "top": json.dumps(answer.top),
                    "prompt_tokens": len(item.prompt.ids),
                }
            )
        return rows

    def calibration(self, arm: Arm) -> Calibration:
        """The curve of an arm: fitted under honest for every mode, or in the arm's own mode where so set."""
        settings = self.plan.settings
        fitted_in = arm if settings.calibration_per_mode else replace(arm, mode="honest")
        if settings.calibration == "none":
            return Calibration()
        if fitted_in not in self._calibrations:
            fit = self._fit_labelled if settings.calibration == "platt" else self._fit_content_free
            self._calibrations[fitted_in] = fit(fitted_in)
        return self._calibrations[fitted_in]

    def calibration_row(self, arm: Arm) -> dict:
        """An arm's calibration as a database row."""
        found = self.calibration(arm)
        values = asdict(found)
        values["fitted_in"] = values.pop("mode")
        return asdict(arm) | values

    def _fit_content_free(self, arm: Arm) -> Calibration:
        method = self.plan.settings.calibration
        texts = CONTENT_FREE_MEAN if method == MEAN else CONTENT_FREE
        claims: tuple[str | None, ...] = (None,)
        if self.plan.questions[0].claim is not None:
            claims = tuple(sorted({q.claim for q in self.plan.questions if q.claim}))
        empty = [self.plan.with_content(text, claim) for claim in claims for text in texts]
        found = self._log_odds(empty, arm)
        width = len(texts)
        by_claim = [found[start : start + width] for start in range(0, len(found), width)]
        return fit_content_free(by_claim, arm.mode, method)

    def _fit_labelled(self, arm: Arm) -> Calibration:
        falsely = MODES[arm.mode].expects == "falsehood"
        wanted = [1 - q.label if falsely else q.label for q in self.labelled]
        return fit_labelled(self._log_odds(self.labelled, arm), wanted, arm.mode)

    def _log_odds(self, questions: list[Question], arm: Arm) -> list[float]:
        """The log-odds of the positive choice at the first token of each question's answer, nats."""
        prompts = [self.plan.prompt(question, arm).ids for question in questions]
        prefix = self._prefix_of(arm, prompts)
        shortest_first = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
        found = [0.0] * len(prompts)
        for batch in cut_batches([len(prompts[number]) - prefix.length for number in shortest_first]):
            numbers = [shortest_first[place] for place in batch]
            answers = generate_batch(
                self.loaded,
                [prompts[number] for number in numbers],
                self.reader,
                Decoding(max_new_tokens=1),
                prefix=prefix,
                boundary=self.boundary,
            )
            for number, answer in zip(numbers, answers, strict=True):
                found[number] = log_odds(*choice_masses(self.reader, list(answer.spelling_probabilities)))
        return found

    def _prefix_of(self, arm: Arm, prompts: list[tuple[int, ...]]) -> Prefix:
        """The arm's prefix, `EMPTY` where one of the prompts turns out not to begin with it."""
        if arm not in self._prefixes:
            if len(self._prefixes) >= 8:
                self._prefixes.pop(next(iter(self._prefixes)))
            ids = self.plan.prefix_ids(arm)
            self._prefixes[arm] = (ids, compute_prefix(self.loaded, ids))
        ids, prefix = self._prefixes[arm]
        shared = all(len(prompt) > len(ids) and prompt[: len(ids)] == ids for prompt in prompts)
        return prefix if shared else EMPTY
