"""Reviews: counts known from the published files, balance, groups, refusals."""

import time
from collections import Counter
from fractions import Fraction

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


def groups_by_double_loop(questions: list[Question], threshold: float) -> list[str]:
    """The smallest group name of each connected component, without any cleverness."""
    groups = [q.group for q in questions]
    words = [tokens_of(q.text) for q in questions]
    for i, a in enumerate(words):
        for j, b in enumerate(words[:i]):
            if a and b and Fraction(len(a & b), len(a | b)) >= Fraction(str(threshold)):
                first, second = sorted((groups[i], groups[j]))
                groups = [first if group == second else group for group in groups]
    return groups


@given(
    st.lists(st.lists(st.sampled_from("abcdefghijkl"), max_size=12), max_size=12),
    st.sampled_from([0.3, 0.5, 0.55, 0.7, 0.8, 0.9, 1.0]),
)
def test_merged_groups_are_exactly_those_of_the_double_loop(texts, threshold):
    questions = [question(" ".join(words), number) for number, words in enumerate(texts)]
    merged = merge_near_duplicates(questions, threshold)
    assert [q.group for q in merged] == groups_by_double_loop(questions, threshold)


def test_four_of_five_words_are_near_duplicates_and_three_of_five_are_not():
    texts = ["one two three four", "one two three four five", "six seven eight", "six seven eight nine ten"]
    merged = merge_near_duplicates([question(text, number) for number, text in enumerate(texts)])
    assert [q.group for q in merged] == ["made:0", "made:0", "made:2", "made:3"]


def test_texts_without_words_are_left_alone():
    merged = merge_near_duplicates([question("!!!", 1), question("???", 2)])
    assert [q.group for q in merged] == ["made:1", "made:2"]


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.5])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(DataError, match="above 0 and at most 1"):
        merge_near_duplicates([question("a", 1)], threshold)


def test_a_hundred_thousand_short_texts_that_share_nearly_all_words_take_seconds():
    questions = [question(f"The city of c{i} is in k{i % 150}.", i) for i in range(100_000)]
    start = time.perf_counter()
    assert len({q.group for q in merge_near_duplicates(questions)}) == 100_000
    assert time.perf_counter() - start < 60
