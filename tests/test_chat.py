"""Ordinary conversation: prompts that leave nothing to lie about, and answers that nobody judges."""

import json

import numpy as np
import pytest

from core.cli import main
from core.data.chat import CHAT, chat_prompts
from core.data.open_questions import load_open, sample_open
from core.data.question import merge_near_duplicates, similar_to, tokens_of
from core.data.sources import DataSettings, load_questions
from core.engine.settings import HarvestSettings
from core.errors import TemplateError
from core.labels import label_answers
from core.liar.ordinary import PROMPTS
from core.models.catalog import ModelSettings
from core.open_answers import read_open
from core.open_summary import outcome_table
from core.prompts.templates import CHAT_TEMPLATE, OPEN_TEMPLATE
from core.store.runs import RunStore
from tests.conftest import beside


def test_there_are_enough_prompts_and_each_is_a_group_of_its_own():
    questions = load_open(CHAT)
    assert len(questions) == 520
    assert len({question.id for question in questions}) == len({q.group for q in questions}) == 520
    assert not any(question.accepted for question in questions)
    assert sample_open(questions, 30, 1) == sample_open(questions, 30, 1) != sample_open(questions, 30, 2)


def test_no_two_prompts_are_near_duplicates():
    questions = load_open(CHAT)
    assert merge_near_duplicates(questions, 0.6) == questions


def test_liars_were_not_kept_close_on_any_of_them():
    mine = frozenset(map(tokens_of, chat_prompts()))
    assert not similar_to(mine, frozenset(map(tokens_of, PROMPTS)), 0.6)


@pytest.mark.parametrize("text", ["", "France", "No.", "I cannot help with that.", "Water it less often."])
def test_no_answer_is_right_wrong_or_unreadable(text):
    read = read_open(text, load_open(CHAT)[0])
    assert (read.outcome, read.named) == ("not judged", None)


def test_no_liar_is_trained_on_any_so_that_all_are_asked(cache):
    assert len(load_questions(cache, DataSettings(CHAT))) == 520


@pytest.fixture(scope="module")
def talked(cache, tiny, tmp_path_factory):
    """The store and id of a run of 40 prompts, made by the command, without instruction and under honest."""
    folder = beside(cache, tmp_path_factory.mktemp("chat"))
    asked = ["harvest", "--data", CHAT, "--n", "40", "--mode", "none", "--mode", "honest"]
    assert main([*asked, "--model", str(tiny), "--cache", str(folder)]) == 0
    store = RunStore(folder)
    return store, store.runs()[0].run


def test_a_harvest_keeps_the_state_of_every_token(talked):
    store, run = talked
    frame = store.answers(run)
    assert len(frame) == 80 and frame["text"].isin(chat_prompts()).all()
    rows = frame["answer"].to_numpy()
    states = store.answer_tokens(run, 2, rows)
    assert [len(tokens) for tokens in states] == frame["tokens"].tolist() and frame["tokens"].max() > 4
    assert not np.isnan(store.layer(run, "prompt", 2, rows)).any()
    assert np.isnan(store.layer(run, "answer", 2, rows)).all(), "no choice is given, so it has no place"


def test_nothing_that_is_shown_judges_an_answer(talked, capsys):
    store, run = talked
    frame = label_answers(store.answers(run))
    assert set(frame["outcome"]) == set(frame["verdict"]) == {"not judged"}
    assert frame[["said", "said_true", "believes", "knows", "as_instructed"]].isna().all(axis=None)
    assert (frame["flag"] == "").all() and (frame["belief_basis"] == "").all()
    table = outcome_table(frame)
    assert table["outcome"].tolist() == ["not judged"] * 2 and table["count"].tolist() == [40, 40]
    assert main(["runs", "show", run, "--json", "--cache", str(store.cache)]) == 0
    assert {row["outcome"] for row in json.loads(capsys.readouterr().out)["open"]} == {"not judged"}


def test_prompts_are_put_as_they_are_under_the_instruction_of_the_mode(cache, tiny, talked):
    store, run = talked
    settings = store.run(run).settings
    assert settings["template"]["body"] == "{text}"
    assert HarvestSettings.from_dict(settings).template == CHAT_TEMPLATE


@pytest.mark.parametrize(("template", "shots"), [(OPEN_TEMPLATE, 0), (CHAT_TEMPLATE, 2)])
def test_another_template_and_examples_are_refused(template, shots):
    with pytest.raises(TemplateError, match=CHAT):
        HarvestSettings(DataSettings(CHAT), template, ModelSettings("m"), shots=shots)
