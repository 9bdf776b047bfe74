"""Runs in which every text that a person, a dataset or a model writes would do harm if it were acted on."""

import json
from dataclasses import replace

import numpy as np

from benchmarks.made_run import Shape, facts_of, made_answers, made_states
from core.answers import make_reader
from core.data.question import Question
from core.data.sources import DataSettings
from core.data.statements import Statement
from core.elicit.grid import Cell
from core.elicit.settings import ElicitSettings
from core.elicit.store import ElicitStore
from core.engine.settings import HarvestSettings
from core.models.tokenizers import load_tokenizer
from core.prompts.chat import chat_format
from core.prompts.templates import Template
from core.store.decisions import DecisionStore
from core.store.runs import RunStore
from core.store.saved import SavedStore

ELSEWHERE = "evil.example"
"""The host that nothing may be fetched from and no link may lead to."""
IMAGE = "<img src=x onerror=__pwned=1>"
SCRIPT = "<script>window.__pwned=2</script>"
LINK = f"[li](http://{ELSEWHERE}/l) ![pi](http://{ELSEWHERE}/p.png)"
MARKS = r"$\LaTeX$ :material/delete: :red[re] :smile: **st** `co` <b>bo</b>"
BARE = f"http://{ELSEWHERE}/auto www.{ELSEWHERE} me@{ELSEWHERE}"
ANCHOR = f'<a href="javascript:__pwned=3">an</a> <a href="http://{ELSEWHERE}/a">an</a>'
CONTROL = '\x1b[31mred\x1b[0m \u202elive\u2066 {{7*7}} ${7*7} %{x} {"$schema": "vega"}'
TEXT = f"{IMAGE} {MARKS}\n{SCRIPT} {LINK} {BARE} {ANCHOR} {CONTROL}"
CHOICES = (f"{IMAGE}No :red[re] {BARE[:24]}", f"<b>Ye</b> *st* $x$ {LINK[:26]}")
NAME = f"{IMAGE} :red[re] *st* <b>bo</b> http://{ELSEWHERE}"
PERSON = f"{IMAGE} [li](http://{ELSEWHERE}) :smile: $p$"
MODEL = f"<b>mo</b>{IMAGE} :red[re] www.{ELSEWHERE} $m$"
SHAPE = Shape(answers=240, layers=3, d_model=12)


def write_hostile_cache(store: RunStore) -> tuple[str, str]:
    """Two runs, one in another style, with decisions, a template, a set and an elicitation; their ids."""
    template = Template(NAME, "Review: {text}\nIs the review {first} or {second}?", CHOICES)
    runs = tuple(
        write_hostile_run(store, template, replace(SHAPE, seed=seed), style)
        for seed, style in ((0, "plain"), (1, "upper"))
    )
    decisions = DecisionStore(store.cache)
    decisions.decide(runs[0], [0, 2, 4], "drop", NAME, PERSON)
    decisions.decide(runs[0], [0, 2, 5], "keep", TEXT, f"{PERSON} too")
    saved = SavedStore(store.cache)
    saved.save_template(template)
    saved.save_statements(NAME, [Statement(TEXT.replace("\n", " "))])
    write_hostile_elicitation(store, template)
    return runs


def write_hostile_run(store: RunStore, template: Template, shape: Shape, style: str) -> str:
    """A complete run of random states with a planted truth, whose texts are all hostile; gives its id."""
    data = DataSettings(f"/nowhere/{NAME.replace('/', '')}.csv", shape.questions, style=style)
    settings = HarvestSettings(data, template, positions=("prompt",), calibration="none")
    tokenizer = load_tokenizer(settings.model, store.cache)
    reader = make_reader(tokenizer, template.choices)
    facts = facts_of(shape, reader, chat_format(tokenizer, settings.system, settings.chat))
    facts |= {"model": MODEL, "model_content": MODEL, "adapter": NAME}
    run = settings.run_id(f"hostile {shape}", MODEL)
    questions = [
        Question(
            f"{IMAGE}{number}", f"{number} {TEXT}", number % 2, CHOICES, f"so{IMAGE}", f"{number // 2}{IMAGE}"
        )
        for number in range(shape.questions)
    ]
    store.begin(run, settings.to_dict(), facts, shape.answers, questions)
    states = store.states(run)
    states.create(settings.kept, shape.rows, shape.layers, shape.d_model, 256)
    for first, mode, window in shape.blocks:
        asked = [questions[number] for number in window]
        states.write("prompt", first, made_states(shape, first, asked))
        rows = made_answers(shape, first, mode, window, asked, [40] * len(asked), reader)
        store.add_answers(run, [row | {"generated": f"{row['said']} {TEXT}"} for row in rows])
    store.finish(run)
    return run


def write_hostile_elicitation(store: RunStore, template: Template) -> None:
    """A finished one of two cells."""
    settings = ElicitSettings(DataSettings("movie-reviews"), (template,), wordings=(0, 1), n=8, start=8)
    facts = {"model": MODEL, "model_content": MODEL, "adapter": NAME}
    facts |= {
        "cells": [Cell(wording, NAME, "direct", 0, True).to_dict() for wording in (0, 1)],
        "unfit": [{"what": NAME, "why": TEXT}],
    }
    found = ElicitStore(store.cache)
    questions = [Question(f"e{n}", f"{n} {TEXT}", n % 2, CHOICES, "made", f"e{n}") for n in range(8)]
    found.begin("hostile", json.loads(json.dumps(settings.to_dict())), facts, questions, [])
    generator = np.random.default_rng(0)
    found.add_answers(
        "hostile",
        [
            {
                "cell": cell,
                "number": number,
                "mode": mode,
                "demo_set": 0,
                "group": f"e{number}",
                "label": number % 2,
                "claim": TEXT,
                "generated": TEXT,
                "said": int(generator.integers(2)),
                "p_0": 0.4,
                "p_1": 0.5,
            }
            for cell in (0, 1)
            for number in range(8)
            for mode in ("honest", "lie")
        ],
    )
    found.finish("hostile")
