"""The question: what a model is asked about, and which choice is right.

Groups (questions that must never be split between train and test) are computed across sources.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.errors import DataError

PLAIN = "plain"
"""The style of a question as its source has it."""


@dataclass(frozen=True)
class Question:
    """One thing to ask about.

    Attributes:
        id: unique within its source.
        text: what the model is asked about.
        label: index into `choices` of the choice that is right.
        choices: the meanings of the answers, negative first.
        source: name of the source that it came from.
        group: questions with one group never stand on both sides of a split.
        claim: for the claim form, the label that the claim states, as text; None in direct form.
        accepted: for an open question, the entities that are right; empty where choices are offered.
        style: how it is dressed, of `core.data.styles.STYLES`.
    """

    id: str
    text: str
    label: int
    choices: tuple[str, str]
    source: str
    group: str
    claim: str | None = None
    accepted: tuple[str, ...] = ()
    style: str = PLAIN


TOLERANCE = 1e-9


def tokens_of(text: str) -> frozenset[str]:
    """The lower-case words of a text, for near-duplicate search."""
    return frozenset(re.findall(r"\w+", text.lower()))


def merge_near_duplicates(questions: list[Question], threshold: float = 0.8) -> list[Question]:
    """Give one group to all questions whose texts have token Jaccard similarity ≥ `threshold`.

    For free text such as reviews. Short facts share nearly all tokens with facts about other things: they are
    grouped by entity instead. Texts without any word are left alone.

    Args:
        threshold: above 0 and at most 1.
    """
    if not 0 < threshold <= 1:
        raise DataError(
            f"cannot merge near-duplicates at {threshold}: choose a threshold above 0 and at most 1"
        )
    members: dict[frozenset[str], list[str]] = defaultdict(list)
    for question in questions:
        if words := tokens_of(question.text):
            members[words].append(question.group)
    parent = {question.group: question.group for question in questions}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    def join(one: str, other: str) -> None:
        first, second = sorted((root(one), root(other)))
        parent[second] = first

    for groups in members.values():
        for group in groups[1:]:
            join(groups[0], group)
    for one, other in _similar_sets(list(members), threshold):
        join(members[one][0], members[other][0])
    return [replace(question, group=root(question.group)) for question in questions]


def _similar_sets(
    sets: list[frozenset[str]], threshold: float
) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """Every pair of different sets with Jaccard similarity ≥ `threshold`. Exact.

    With each set ordered from the rarest token, two such sets x and y share a token among the first
    |x| - ⌈t·|x|⌉ + 1 of x and the first |y| - ⌈t·|y|⌉ + 1 of y (Bayardo, Ma and Srikant 2007, "Scaling up all
    pairs similarity search"). The first token that they share, at places i and j (from 0), leaves them at
    most 1 + min(|x| - i - 1, |y| - j - 1) in common, and they need ⌈t/(1+t)·(|x| + |y|)⌉ (Xiao et al. 2008,
    "Efficient similarity joins for near duplicate detection").
    """
    counts = Counter(word for words in sets for word in words)
    # For each word, the sets seen so far that hold it, by their size and the word's place in them.
    postings: dict[str, dict[tuple[int, int], list[frozenset[str]]]] = defaultdict(dict)
    for words in sorted(sets, key=len):
        size = len(words)
        fewest = _ceil(threshold * size)
        needed = {
            other_size: _ceil(threshold / (1 + threshold) * (size + other_size))
            for other_size in range(fewest, size + 1)
        }
        prefix = sorted(words, key=lambda word: (counts[word], word))[: size - fewest + 1]
        seen: set[frozenset[str]] = set()
        for place, word in enumerate(prefix):
            found = postings[word]
            for (other_size, other_place), others in found.items():
                if other_size < fewest:
                    continue
                if min(size - place, other_size - other_place) < needed[other_size]:
                    continue
                for other in others:
                    if other not in seen:
                        seen.add(other)
                        if len(words & other) >= needed[other_size]:
                            yield words, other
            found.setdefault((size, place), []).append(words)


def similar_to(
    sets: frozenset[frozenset[str]], others: frozenset[frozenset[str]], threshold: float = 0.8
) -> frozenset[frozenset[str]]:
    """Those of `sets` that equal one of `others`, or have token Jaccard similarity ≥ `threshold` with it."""
    found = set(sets & others)
    for pair in _similar_sets([words for words in sets | others if words], threshold):
        for one, other in (pair, pair[::-1]):
            if one in sets and other in others:
                found.add(one)
    return frozenset(found) - {frozenset()}


def _ceil(value: float) -> int:
    """⌈value⌉, where a product that should be whole may lie a float error above it."""
    return math.ceil(value - TOLERANCE)
