"""Ordinary conversation: prompts that leave nothing to lie about, and answers that nobody judges."""

import pytest

from core.data.chat import CHAT, chat_prompts
from core.data.open_questions import load_open, sample_open
from core.data.question import merge_near_duplicates, similar_to, tokens_of
from core.liar.ordinary import PROMPTS
from core.open_answers import read_open


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
