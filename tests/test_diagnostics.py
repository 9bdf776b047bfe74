"""What tokens tell: tables and warnings known by hand, and the prompt as the model read it."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.data.sources import DataSettings
from core.diagnostics import (
    first_spelling_share,
    outside_table,
    prompt_tokens,
    reading_warnings,
    spelling_table,
)
from core.engine.decoding import Decoding
from core.engine.harvest import harvest, prepare
from core.engine.plan import Arm
from core.engine.prompts import prompt_of, prompt_parts
from core.engine.settings import HarvestSettings
from core.errors import StoreError
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.prompts.templates import BUILT_IN
from core.store.runs import Run, RunStore

SPELLINGS = [
    {"choice": 0, "ids": [10], "text": "No", "token": "No"},
    {"choice": 0, "ids": [11], "text": " no", "token": "Ġno"},
    {"choice": 1, "ids": [21], "text": " yes", "token": "Ġyes"},
    {"choice": 1, "ids": [20], "text": "Yes", "token": "Yes"},
]


def made_run(spellings=SPELLINGS, single=True, **facts):
    known = {"choices": ["No", "Yes"], "single_token": single, "spellings": spellings, "model": "made"}
    return Run("abc", {}, known | facts, 4, 4, "complete", "", None)


def answers(*changes, **common):
    """One answer for each dictionary of changes: balanced, readable, with all its mass on the choices."""
    rows = []
    for number, change in enumerate(changes):
        row = {"answer": number, "mode": "honest", "offset": 0.0, "ids": [10], "said_start": 0, "said_end": 1}
        row |= {"spellings": [0.6, 0.2, 0.1, 0.1], "top": [[10, 0.6], [11, 0.2]], "said": 0.0}
        row |= common | change
        p_0, p_1 = sum(row["spellings"][:2]), sum(row["spellings"][2:])
        lean = int(p_1 > p_0)
        row = {
            "p_0": p_0,
            "p_1": p_1,
            "outside": 1 - p_0 - p_1,
            "leans": lean,
            "leans_calibrated": lean,
        } | row
        rows.append(row | {name: json.dumps(row[name]) for name in ("ids", "spellings", "top")})
    return pd.DataFrame(rows)


NO = {"said": 0.0, "spellings": [0.6, 0.2, 0.1, 0.1]}
YES = {"said": 1.0, "spellings": [0.1, 0.1, 0.2, 0.6]}
SILENT = {"said": math.nan, "said_start": -1, "said_end": -1}


class Words:
    """A tokenizer of made words."""

    def convert_ids_to_tokens(self, ids):
        return [f"t{number}" for number in ids]

    def decode(self, ids):
        return f"word{ids[0]}"


def test_spellings_known_by_hand():
    frame = answers(
        {"spellings": [0.8, 0.1, 0.0, 0.1], "ids": [10, 5]},
        {"spellings": [0.1, 0.1, 0.5, 0.3], "ids": [7, 21], "said": 1.0, "said_start": 1, "said_end": 2},
        {"spellings": [0.0, 0.4, 0.2, 0.1], "ids": [7, 8]} | SILENT,
        {"spellings": [1.0, 0.0, 0.0, 0.0], "ids": [11], "mode": "lie"},
    )
    table = spelling_table(made_run(), frame, "honest")
    assert table["choice"].tolist() == ["No", "No", "Yes", "Yes"]
    assert table["text"].tolist() == ["No", " no", " yes", "Yes"]
    assert table["shown"].tolist() == ["No", "␣no", "␣yes", "Yes"]
    assert table["mean_probability"].tolist() == pytest.approx([0.3, 0.2, 0.7 / 3, 0.5 / 3])
    assert table["share_of_choice"].tolist() == pytest.approx([0.6, 0.4, 7 / 12, 5 / 12])
    assert table["emitted"].tolist() == [1, 0, 1, 0]
    assert table["emitted_first"].tolist() == [1, 0, 0, 0]
    assert table["most_used"].tolist() == [True, False, True, False]
    assert table["n"].tolist() == [3] * 4
    lying = spelling_table(made_run(), frame, "lie")
    assert lying.loc[lying["most_used"], "text"].tolist()[0] == " no"
    none = spelling_table(made_run(), frame, "none")
    assert none["mean_probability"].isna().all() and none["n"].tolist() == [0] * 4


def test_the_mass_outside_known_by_hand():
    frame = answers(
        {"outside": 0.5, "top": [[10, 0.4], [30, 0.3], [31, 0.1]]},
        {"outside": 0.7, "top": [[30, 0.5], [21, 0.2]]},
        {"outside": 0.9, "top": [[31, 0.9]], "mode": "lie"},
    )
    found = outside_table(made_run(), frame, Words(), "honest")
    assert found.n == 2 and found.mean == pytest.approx(0.6)
    assert found.table["id"].tolist() == [30, 31]
    assert found.table["token"].tolist() == ["t30", "t31"]
    assert found.table["text"].tolist() == ["word30", "word31"]
    assert found.table["mean_probability"].tolist() == pytest.approx([0.4, 0.05])
    assert found.table["likeliest"].tolist() == [1, 0]
    assert found.explained == pytest.approx(0.9 / 1.2)
    assert outside_table(made_run(), frame, Words(), most=1).table["id"].tolist() == [31]
    empty = outside_table(made_run(), frame, Words(), "none")
    assert empty.n == 0 and not len(empty.table) and math.isnan(empty.mean)


def test_there_are_two_no_tokens():
    frame = answers(
        {"spellings": [0.1, 0.4, 0.1, 0.2]},
        {"spellings": [0.4, 0.1, 0.1, 0.2]},
        {"spellings": [0.1, 0.0, 0.5, 0.0]},
        {"spellings": [0.1, 0.0, 0.0, 0.5]},
    )
    found = first_spelling_share(made_run(), frame)
    assert (found.count, found.n, found.share) == (2, 4, 0.5)
    assert found.ci == pytest.approx((0.150, 0.850), abs=1e-3)
    assert math.isnan(first_spelling_share(made_run(), frame, "lie").share)


def test_a_good_reading_has_no_warning():
    assert reading_warnings(made_run(), answers(*[NO, YES] * 20)) == []
    assert reading_warnings(made_run(), answers(NO).iloc[:0]) == []


def one_warning(frame, run=None):
    (found,) = reading_warnings(run or made_run(), frame)
    return found


def test_little_mass_is_reported():
    small = answers(
        *[NO | {"spellings": [0.2, 0.1, 0.1, 0.0]}, YES | {"spellings": [0.0, 0.1, 0.2, 0.1]}] * 10
    )
    found = one_warning(small)
    assert found.severity == "warning" and found.n == 20
    assert found.text.startswith("under honest, the choices get 40% of the probability on average (n = 20)")


def test_constant_answers_are_reported_by_mode():
    lying = [row | {"mode": "lie"} for row in [YES] * 20]
    found = reading_warnings(made_run(), answers(*[NO, YES] * 10, *lying))
    assert [w.text.split(":")[0] for w in found] == [
        "under lie, 20 of 20 answers lean to 'Yes'",
        "under lie, 20 of 20 answers say 'Yes'",
    ]
    assert [w.n for w in found] == [20, 20]
    assert reading_warnings(made_run(), answers(*[YES] * 9)) == []


def test_unreadable_answers_are_reported():
    frame = answers(*[NO, YES, YES | SILENT] * 10)
    assert one_warning(frame).text == "under honest, 33% of 30 answers say neither choice: they have no said"


def test_a_large_offset_is_reported_with_what_it_changes():
    frame = answers(*[NO, YES] * 8, *[NO | {"leans_calibrated": 1}] * 4, offset=-1.5)
    assert one_warning(frame).text == (
        "without any content the template itself leans by -1.5 nats (above 0: to 'Yes'): raw and calibrated "
        "leans differ in 20% of 20 answers"
    )


def test_said_against_leans_is_reported():
    frame = answers(*[NO, YES] * 8, *[NO | {"said": 1.0}] * 4)
    assert one_warning(frame).text == "said and the first token's lean differ in 20% of 20 answers"


def test_choices_of_several_tokens_and_collisions_are_reported():
    long = [
        {"choice": 0, "ids": [5, 6], "text": "Nope", "token": "No pe"},
        {"choice": 1, "ids": [5, 7], "text": "Yep", "token": "Ye p"},
        {"choice": 1, "ids": [8], "text": "yep", "token": "yep"},
    ]
    rows = answers(*[NO, YES] * 10)
    gravest, other = reading_warnings(made_run(long, single=False), rows)
    assert gravest.severity == "warning" and "begin with the same token (id 5)" in gravest.text
    assert other.severity == "note" and other.text.startswith("'No' is not a single token")


@pytest.fixture(scope="module")
def loaded(cache):
    return load_model(ModelSettings(), cache)


@pytest.fixture(scope="module")
def harvested(cache, loaded, tmp_path_factory):
    settings = HarvestSettings(
        DataSettings("movie-reviews", n=6),
        BUILT_IN["review"],
        shots=2,
        demo_sets=2,
        demo_answers="mode",
        orders=(1,),
        decoding=Decoding(max_new_tokens=2),
        positions=("prompt",),
    )
    store = RunStore(tmp_path_factory.mktemp("cache"))
    prepared = prepare(settings, loaded, cache)
    harvest(prepared, loaded, store)
    return prepared.plan, store.run(prepared.run), store.answers(prepared.run, heavy=True)


def test_the_prompt_is_made_again_exactly(harvested, loaded):
    plan, run, frame = harvested
    assert len(frame) == 24
    questions = {question.id: question for question in plan.questions}
    for row in frame.to_dict("records"):
        prompt = prompt_of(run, row, loaded.tokenizer)
        arm = Arm(row["mode"], row["wording"], row["order"], row["demo_set"])
        assert prompt == plan.prompt(questions[row["question"]], arm)
        assert len(prompt.ids) == row["prompt_tokens"]


def test_an_answer_token_by_token(harvested, loaded):
    _, run, frame = harvested
    row = frame[frame["mode"] == "lie"].iloc[0]
    table = prompt_tokens(run, row, loaded.tokenizer)
    assert len(table) == row["prompt_tokens"] + len(json.loads(row["ids"]))
    text = {part: loaded.tokenizer.decode(rows["id"].tolist()) for part, rows in table.groupby("part")}
    assert text["instruction"] == "You always lie: give the wrong answer to every question."
    assert text["question"] == f"Review: {row['text']}\nIs the review Negative or Positive?"
    assert text["demonstrations"].count("Is the review Negative or Positive?") == 2
    assert text["answer"] == row["generated"] + "<|im_end|>"
    assert table.loc[table["special"], "part"].isin(["format", "demonstrations", "answer"]).all()


def test_a_prompt_that_cannot_be_made_again_is_refused(harvested, loaded):
    _, run, frame = harvested
    row = frame.iloc[0].to_dict()
    with pytest.raises(StoreError, match="load the run's own model, smollm2"):
        prompt_of(run, row | {"prompt_tokens": 3}, loaded.tokenizer)
    old = {name: value for name, value in run.facts.items() if name not in ("demonstrations", "form")}
    with pytest.raises(StoreError, match="does not say what its demonstrations were"):
        prompt_of(replace(run, facts=old), row, loaded.tokenizer)


def test_parts_that_cannot_be_told_apart_are_one(harvested, loaded):
    _, run, frame = harvested
    row = frame.iloc[0].to_dict()
    prompt = prompt_of(run, row, loaded.tokenizer)
    other = replace(prompt, text=prompt.text.upper())
    assert set(prompt_parts(run, row, loaded.tokenizer, other)) == {"prompt"}
    assert np.isin(prompt_parts(run, row, loaded.tokenizer, prompt), ["prompt"]).sum() == 0


def test_the_file_needs_no_model():
    code = "import sys, core.diagnostics; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
