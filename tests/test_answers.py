"""Answer reading, on values known by hand and on the embedded model's own tokenizer."""

import math

import pytest
from transformers import AutoTokenizer

from core.answers import (
    choice_masses,
    first_token_collisions,
    leaning,
    log_odds,
    make_reader,
    read_said,
)
from core.errors import TemplateError
from core.models.embedded import embedded_folder


@pytest.fixture(scope="module")
def tokenizer(cache):
    return AutoTokenizer.from_pretrained(embedded_folder(cache))


def said(tokenizer, text, choices=("No", "Yes")):
    return read_said(tokenizer, tokenizer(text, add_special_tokens=False).input_ids, choices)


def test_every_spelling_of_no_is_found(tokenizer):
    reader = make_reader(tokenizer, ("No", "Yes"))
    assert {s.text for s in reader.spellings if s.choice == 0} == {"No", " No", "no", " no", "NO", " NO"}
    assert reader.single


def test_a_choice_of_several_tokens_makes_the_whole_reader_sequential(tokenizer):
    reader = make_reader(tokenizer, ("Unfavourable", "Yes"))
    assert not reader.single
    assert any(len(s.ids) > 1 for s in reader.spellings)


def test_choices_that_share_tokens_are_refused(tokenizer):
    with pytest.raises(TemplateError, match="share their tokens"):
        make_reader(tokenizer, ("yes", "YES"))


def test_collision_of_first_tokens_is_named(tokenizer):
    reader = make_reader(tokenizer, ("un-good", "un-bad"))
    assert first_token_collisions(reader)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("Yes", 1),
        (" no.", 0),
        ("The answer is Yes", 1),
        ("Yes, not No", None),
        ("not yes", None),
        ("Yes. Wait, let me think", None),
        ("Nothing", None),
        ("", None),
    ],
)
def test_what_was_said(tokenizer, text, choice):
    assert said(tokenizer, text).choice == choice


def test_the_span_of_the_choice_is_in_tokens(tokenizer):
    ids = tokenizer("The answer is Yes.", add_special_tokens=False).input_ids
    read = read_said(tokenizer, ids, ("No", "Yes"))
    assert tokenizer.decode(ids[read.start : read.end]).strip() == "Yes"


def test_masses_sum_over_spellings(tokenizer):
    reader = make_reader(tokenizer, ("No", "Yes"))
    probabilities = [0.1 if s.choice == 0 else 0.05 for s in reader.spellings]
    no, yes = choice_masses(reader, probabilities)
    assert no == pytest.approx(0.6)
    assert yes == pytest.approx(0.05 * sum(s.choice for s in reader.spellings))


def test_an_offset_moves_where_the_lean_turns():
    offset = log_odds(0.2, 0.8)
    assert offset == pytest.approx(math.log(4))
    assert leaning(0.3, 0.7) == 1
    assert leaning(0.3, 0.7, offset) == 0
