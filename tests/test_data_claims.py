"""The claim form: counterbalance, labels worked out by hand, what stays as it was."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.claims import as_claims
from core.data.question import Question
from core.errors import DataError


def review(number: int, label: int) -> Question:
    return Question(f"r:{number}", f"text {number}", label, ("Negative", "Positive"), "r", f"g:{number}")


def test_each_label_gets_as_many_right_claims_as_wrong_ones():
    claims = as_claims([review(number, number % 2) for number in range(40)])
    truth = [number % 2 for number in range(40)]
    assert Counter(zip(truth, (q.label for q in claims), strict=True)) == {
        (0, 0): 10,
        (0, 1): 10,
        (1, 0): 10,
        (1, 1): 10,
    }
    assert Counter(q.claim for q in claims) == {"Negative": 20, "Positive": 20}


@given(st.lists(st.integers(0, 1), max_size=30), st.integers(0, 5))
def test_a_claim_is_right_exactly_where_it_states_the_label(labels, seed):
    questions = [review(number, label) for number, label in enumerate(labels)]
    claims = as_claims(questions, seed)
    for question, claim in zip(questions, claims, strict=True):
        assert claim.label == int(claim.claim == question.choices[question.label])
        assert (claim.id, claim.text, claim.group) == (f"{question.id}:claim", question.text, question.group)
        assert claim.choices == ("False", "True")
    right = sum(q.label for q in claims)
    assert abs(2 * right - len(claims)) <= 1


def test_the_seed_decides_which_claims_are_right():
    questions = [review(number, number % 2) for number in range(40)]
    assert as_claims(questions, 1) == as_claims(questions, 1)
    assert as_claims(questions, 1) != as_claims(questions, 2)


def test_claims_about_claims_are_refused():
    with pytest.raises(DataError, match="r:1:claim is in claim form already"):
        as_claims(as_claims([review(1, 0)]))
