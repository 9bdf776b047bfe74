"""The questions that an elicitation is judged on: few groups, balanced in every rung, in both forms."""

import random
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from core.data.claims import as_claims
from core.data.question import Question
from core.data.reviews import balanced_sample
from core.data.sources import load_pool
from core.elicit.settings import ElicitSettings

SHARE = 0.2
BLOCK = 4


def elicit_questions(cache: Path, settings: ElicitSettings) -> list[Question]:
    """A balanced seeded sample in direct form, the labels taking turns, so that every even start balances.

    It is drawn from groups that hold a fifth of the source (more where a fifth is too few), because whole
    groups are left out of the run that follows: the rest of the source stays for it.

    Raises:
        DataError: the source is unknown or unusable, or has too few questions.
    """
    source = load_pool(cache, replace(settings.data, n=settings.n, form="direct"))
    seed = settings.data.seed
    sample = balanced_sample(_few_groups(source, settings.n, seed), settings.n, seed)
    sides = [[question for question in sample if question.label == label] for label in (1, 0)]
    ordered = [question for pair in zip(*sides, strict=False) for question in pair]
    return ordered + sides[0][len(sides[1]) :]


def _few_groups(questions: list[Question], n: int, seed: int) -> list[Question]:
    groups: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        groups[question.group].append(question)
    names = list(groups)
    random.Random(f"elicit {seed}").shuffle(names)
    taken: list[Question] = []
    counts = [0, 0]
    for name in names:
        if len(taken) >= SHARE * len(questions) and min(counts) >= (n + 1) // 2:
            break
        taken += groups[name]
        for question in groups[name]:
            counts[question.label] += 1
    return taken


def in_form(questions: list[Question], form: str, seed: int) -> list[Question]:
    """The same questions in direct or claim form.

    Claims are dealt within blocks of four questions, one right and one wrong for each label, so that they
    balance in every rung and not only over all.
    """
    if form == "direct":
        return questions
    blocks = [questions[start : start + BLOCK] for start in range(0, len(questions), BLOCK)]
    return [claim for number, block in enumerate(blocks) for claim in as_claims(block, seed + number)]
