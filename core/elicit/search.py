"""The search: whatever the next rung needs and is not stored yet is generated, until there is a winner.

No states are stored. What is cut off goes on where it stopped; what is finished is found, not made again.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from core.answers import Reader, boundary_ids, choice_masses, make_reader
from core.data.question import Question
from core.data.sources import fingerprint, load_pool, source_choices
from core.elicit.grid import Cell, Unfit, lay_out, shows_system
from core.elicit.halving import planned_answers
from core.elicit.outcome import Outcome, outcome_of
from core.elicit.questions import elicit_questions, in_form
from core.elicit.settings import MODES, ElicitSettings
from core.elicit.store import ElicitStore
from core.engine.answer_prompts import answer_prompts
from core.engine.generate import Generated
from core.engine.plan import Arm, Plan, make_plan
from core.engine.settings import HarvestSettings
from core.errors import TemplateError
from core.models.loading import LoadedModel
from core.prompts.chat import chat_format
from core.prompts.modes import wording_of


@dataclass(frozen=True, eq=False)
class Prepared:
    """A search ready to run.

    Attributes:
        elicitation: its id: the same settings, questions and model find the same elicitation.
        questions: by form, in the order of the rungs.
        plans: one per cell.
        readers: by template.
    """

    elicitation: str
    settings: ElicitSettings
    cells: tuple[Cell, ...]
    unfit: tuple[Unfit, ...]
    questions: dict[str, list[Question]]
    plans: tuple[Plan, ...]
    readers: dict[str, Reader]


@dataclass(frozen=True)
class ElicitProgress:
    """How far a search is: answers done of planned, and the rung under way (from 0) of how many."""

    done: int
    planned: int
    rung: int
    rungs: int
    cells: int


def prepare(settings: ElicitSettings, loaded: LoadedModel, cache: Path) -> Prepared:
    """Everything that can be refused, refused before anything runs.

    Raises:
        DataError: the source is unknown or unusable, or has too few questions.
        TemplateError: no cell of the grid fits.
    """
    tokenizer = loaded.tokenizer
    choices = source_choices(cache, settings.data)
    form = chat_format(tokenizer, True, settings.chat)
    cells, unfit = lay_out(settings, choices, shows_system(form))
    direct = elicit_questions(cache, settings)
    seed = settings.data.seed
    questions = {name: in_form(direct, name, seed) for name in {cell.form for cell in cells}}
    pools = {
        name: load_pool(cache, replace(settings.data, n=settings.n, form=name)) if any(settings.shots) else []
        for name in questions
    }
    plans: dict[Cell, Plan] = {}
    readers: dict[str, Reader] = {}
    refused: dict[str, str] = {}
    for cell in cells:
        try:
            cell_settings = settings_of(settings, cell)
            if cell.template not in readers:
                readers[cell.template] = make_reader(tokenizer, cell_settings.template.choices)
            plans[cell] = make_plan(
                cell_settings, questions[cell.form], pools[cell.form], tokenizer, loaded.context
            )
        except TemplateError as error:
            refused.setdefault(f"template {cell.template} with {cell.shots} shots", str(error))
    if not plans:
        raise TemplateError(f"no cell of the grid fits: {next(iter(refused.values()))}")
    shown = [demo for plan in plans.values() for demos in plan.demonstrations for demo in demos]
    return Prepared(
        elicitation=_id(settings, [*direct, *shown], list(plans), loaded.fingerprint),
        settings=settings,
        cells=tuple(plans),
        unfit=(*unfit, *(Unfit(what, why) for what, why in refused.items())),
        questions=questions,
        plans=tuple(plans.values()),
        readers=readers,
    )


def settings_of(settings: ElicitSettings, cell: Cell) -> HarvestSettings:
    """A cell as the settings of a run on the same source in both modes, `n` left at all."""
    return HarvestSettings(
        data=replace(settings.data, n=None, form=cell.form),
        template=next(template for template in settings.templates if template.name == cell.template),
        model=settings.model,
        modes=MODES,
        wordings=(cell.wording,),
        shots=cell.shots,
        demo_sets=settings.demo_sets if cell.shots else 1,
        demo_answers=settings.demo_answers if cell.shots else "truth",
        demo_seed=settings.demo_seed if cell.shots else 0,
        system=cell.system,
        orders=(cell.order,),
        chat=settings.chat,
        decoding=settings.decoding,
    )


def elicit(
    prepared: Prepared,
    loaded: LoadedModel,
    store: ElicitStore,
    *,
    progress: Callable[[ElicitProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Run a search to its winner, or until it is cancelled; every batch is committed as it comes."""
    name, settings, cells = prepared.elicitation, prepared.settings, prepared.cells
    first = next(iter(prepared.questions.values()))
    shown = {demo.id: demo for plan in prepared.plans for demos in plan.demonstrations for demo in demos}
    facts = {
        "model": loaded.name,
        "adapter": loaded.settings.adapter_name,
        "model_content": loaded.fingerprint,
        "cells": [cell.to_dict() for cell in cells],
        "unfit": [{"what": entry.what, "why": entry.why} for entry in prepared.unfit],
    }
    store.begin(name, settings.to_dict(), facts, first, list(shown.values()))
    outcome = outcome_of(settings, cells, store.answers(name))
    planned = planned_answers(len(cells), outcome.sizes, len(MODES))
    while outcome.next_cells and not cancelled():
        rung = len(outcome.rungs)
        answers = store.answers(name)
        there = set(zip(answers["cell"], answers["number"], answers["mode"], strict=True))
        done = len(there)
        for number in outcome.next_cells:
            todo = [
                (question, mode)
                for question in range(outcome.sizes[rung])
                for mode in MODES
                if (number, question, mode) not in there
            ]
            for rows in _answer(prepared, number, todo, loaded):
                store.add_answers(name, rows)
                done += len(rows)
                progress(ElicitProgress(done, planned, rung, len(outcome.sizes), len(outcome.next_cells)))
                if cancelled():
                    return outcome
        outcome = outcome_of(settings, cells, store.answers(name))
    if not outcome.next_cells:
        store.finish(name)
    return outcome


def _answer(
    prepared: Prepared, number: int, todo: list[tuple[int, str]], loaded: LoadedModel
) -> Iterator[list[dict]]:
    """The answers of one cell, as rows, batch by batch. Prompts with one instruction share their prefix."""
    cell, plan = prepared.cells[number], prepared.plans[number]
    questions = prepared.questions[cell.form]
    reader = prepared.readers[cell.template]
    boundary = None if reader.single else boundary_ids(loaded.tokenizer)
    sets = max(1, len(plan.demonstrations))
    arms: dict[Arm, list[int]] = {}
    for question, mode in todo:
        arms.setdefault(Arm(mode, cell.wording, cell.order, question % sets), []).append(question)
    for arm, wanted in arms.items():
        batches = answer_prompts(
            loaded,
            [plan.prompt(questions[q], arm).ids for q in wanted],
            reader,
            plan.settings.decoding,
            boundary=boundary,
            keys=[f"{questions[q].id} {arm} 0" for q in wanted],
        )
        for places, made in batches:
            yield [
                _row(number, wanted[place], arm, questions[wanted[place]], reader, answer)
                for place, answer in zip(places, made, strict=True)
            ]


def _row(number: int, question: int, arm: Arm, asked: Question, reader: Reader, answer: Generated) -> dict:
    p_0, p_1 = choice_masses(reader, list(answer.spelling_probabilities))
    return {
        "cell": number,
        "number": question,
        "mode": arm.mode,
        "demo_set": arm.demo_set,
        "group": asked.group,
        "label": asked.label,
        "claim": asked.claim,
        "generated": answer.text,
        "said": answer.said.choice,
        "p_0": p_0,
        "p_1": p_1,
    }


def _id(settings: ElicitSettings, questions: list[Question], cells: list[Cell], model: str) -> str:
    told = [
        [wording_of(mode, cell.wording).text, wording_of(mode, cell.wording).place]
        for cell in cells
        for mode in MODES
    ]
    values = settings.to_dict() | {
        "cells": [cell.to_dict() for cell in cells],
        "told": told,
        "questions": fingerprint(questions),
        "model_content": model,
        "reading": 1,
    }
    del values["data"]["style"]  # a grid asks in plain style, and ids are from before there were styles
    if settings.orders == (0,):  # elicitations from before there were orders are found under their id
        del values["orders"]
        values["cells"] = [{k: v for k, v in cell.items() if k != "order"} for cell in values["cells"]]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
