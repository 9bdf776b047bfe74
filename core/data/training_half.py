"""Which questions liars may be trained on, so that no run asks them.

One half of the built-in movie reviews, tweets, cities, elements and numbers is for training, by the hash of
the group; the other half, and every Amazon review, is for asking. The rule is fixed, so that every liar that
`train-liar` ever made was trained on the same half, and the same sample can be put to a liar and to its plain
model. All opinions (`core.data.opinions`) are for training. A text from elsewhere is left out where it is a
near-duplicate of one that is for training.
"""

import hashlib
import re
from functools import lru_cache
from pathlib import Path

from core.data.facts import FACTS, load_facts
from core.data.opinions import OPINIONS, load_opinions
from core.data.question import Question, similar_to, tokens_of
from core.data.reviews import load_reviews, reviews_ready

TRAINED_REVIEWS = ("movie-reviews", "tweets")
FACT_WORDS = ("the city of", "chemical symbol", "atomic number", "larger than", "smaller than")
SAME_FACTS = ("open-cities", "open-elements")
"""Open questions about what the statements are about, in the same groups."""


def is_for_training(question: Question) -> bool:
    """Whether a liar may be trained on a question of a built-in source.

    By the group's hash, so that all questions of a group fall on one side: near-duplicates of a review,
    statements about one pair of countries, elements or numbers.
    """
    if question.source == OPINIONS:
        return True
    if question.source not in (*TRAINED_REVIEWS, *FACTS, *SAME_FACTS):
        return False
    return hashlib.sha256(f"liar {question.group}".encode()).digest()[0] < 128


def leave_out_trained(cache: Path, questions: list[Question]) -> list[Question]:
    """The questions that no liar was trained on, nor on near-duplicates of them, in their order."""
    kept = [question for question in questions if not is_for_training(question)]
    elsewhere = [q for q in kept if q.source not in (*TRAINED_REVIEWS, *FACTS)]
    seen = {
        question.group
        for question, is_seen in zip(elsewhere, seen_in_training(cache, elsewhere), strict=True)
        if is_seen
    }
    return [question for question in kept if question.group not in seen] if seen else kept


def seen_in_training(cache: Path, questions: list[Question]) -> list[bool]:
    """Whether each text is one that liars are trained on, or a near-duplicate of it.

    Reviews by token Jaccard ≥ 0.8 (`merge_near_duplicates`), facts by their words alone: short facts share
    nearly all tokens with facts about other things.
    """
    if not questions:
        return []
    reviews = _review_words(cache) if reviews_ready(cache) else frozenset()
    near = _near(frozenset(tokens_of(question.text) for question in questions), reviews)
    return [tokens_of(q.text) in near or _is_trained_fact(q.text) for q in questions]


def _is_trained_fact(text: str) -> bool:
    plain = _plain(text)  # most texts are no facts: then the facts need not be made to know
    return any(words in plain for words in FACT_WORDS) and plain in _fact_texts()


@lru_cache(maxsize=4)
def _near(asked: frozenset[frozenset[str]], reviews: frozenset[frozenset[str]]) -> frozenset[frozenset[str]]:
    return frozenset(similar_to(asked, reviews))


@lru_cache(maxsize=2)
def _review_words(cache: Path) -> frozenset[frozenset[str]]:
    found = [question for source in TRAINED_REVIEWS for question in load_reviews(cache, source)]
    found += load_opinions()
    return frozenset(tokens_of(question.text) for question in found if is_for_training(question))


@lru_cache(maxsize=1)
def _fact_texts() -> frozenset[str]:
    return frozenset(
        _plain(question.text) for name in FACTS for question in load_facts(name) if is_for_training(question)
    )


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
