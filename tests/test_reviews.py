"""Reviews: counts known from the published files, balance, groups, refusals."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.question import Question, merge_near_duplicates, tokens_of
from core.data.reviews import CHOICES, balanced_sample, load_reviews
from core.errors import DataError


def question(text: str, number: int, label: int = 0) -> Question:
    return Question(str(number), text, label, CHOICES, "made", f"made:{number}")


def test_movie_reviews_hold_the_published_counts(cache):
    counts = Counter(q.label for q in load_reviews(cache, "movie-reviews"))
    assert counts == {1: 2921, 0: 2833}


def test_sentences_of_one_amazon_review_share_a_group(cache):
    questions = load_reviews(cache, "amazon-reviews")
    groups: dict[str, set[str]] = {}
    for q in questions:
        groups.setdefault(q.id.split("_")[0], set()).add(q.group)
    assert all(len(found) == 1 for found in groups.values())
    assert len({q.group for q in questions}) < len(questions)


def test_sample_is_balanced_and_seeded(cache):
    questions = load_reviews(cache, "movie-reviews")
    first = balanced_sample(questions, 200, seed=3)
    assert Counter(q.label for q in first) == {0: 100, 1: 100}
    assert first == balanced_sample(questions, 200, seed=3)
    assert first != balanced_sample(questions, 200, seed=4)


def test_too_large_a_sample_names_the_most_that_there_is():
    with pytest.raises(DataError, match="allows 2 at most"):
        balanced_sample([question("a", 1, 0), question("b", 2, 1), question("c", 3, 1)], 10)


@given(st.lists(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=8), max_size=12))
def test_near_duplicates_share_a_group_like_the_plain_double_loop(texts):
    questions = [question(" ".join(words), number) for number, words in enumerate(texts)]
    merged = merge_near_duplicates(questions)
    for i, first in enumerate(merged):
        for second in merged[:i]:
            a, b = tokens_of(first.text), tokens_of(second.text)
            if len(a & b) / len(a | b) >= 0.8:
                assert first.group == second.group
    alone = [q for q in merged if all(q is o or not tokens_of(q.text) & tokens_of(o.text) for o in merged)]
    assert all(q.group == f"made:{q.id}" for q in alone)
