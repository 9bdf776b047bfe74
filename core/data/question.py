"""The question: what a model is asked about, and which choice is right.

Groups (questions that must never be split between train and test) are computed across sources.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, replace


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
        claim: for the claim form, the label that the claim states; None in direct form.
    """

    id: str
    text: str
    label: int
    choices: tuple[str, str]
    source: str
    group: str
    claim: int | None = None


def tokens_of(text: str) -> frozenset[str]:
    """The lower-case words of a text, for near-duplicate search."""
    return frozenset(re.findall(r"\w+", text.lower()))


def merge_near_duplicates(questions: list[Question], threshold: float = 0.8) -> list[Question]:
    """Give one group to all questions whose texts have token Jaccard similarity ≥ `threshold`.

    Exact, through prefix filtering: two sets with Jaccard ≥ t share a token among the first
    |x| - ⌈t·|x|⌉ + 1 rarest tokens of each (Bayardo, Ma, Srikant 2007, "Scaling up all pairs similarity search").
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    sets = [tokens_of(question.text) for question in questions]
    counts: dict[str, int] = defaultdict(int)
    for words in sets:
        for word in words:
            counts[word] += 1
    postings: dict[str, list[int]] = defaultdict(list)
    for index, words in enumerate(sets):
        ordered = sorted(words, key=lambda word: (counts[word], word))
        keep = len(ordered) - -(-int(threshold * 1000) * len(ordered) // 1000) + 1
        seen: set[int] = set()
        for word in ordered[: max(keep, 0)]:
            for other in postings[word]:
                if other in seen:
                    continue
                seen.add(other)
                union = len(words | sets[other])
                if union and len(words & sets[other]) / union >= threshold:
                    first, second = sorted((root(questions[index].group), root(questions[other].group)))
                    parent[second] = first
            postings[word].append(index)
    return [replace(question, group=root(question.group)) for question in questions]
