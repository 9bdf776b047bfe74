"""The claim form: a question that states a label and asks whether that is true.

Counterbalanced, so that neither the stated label nor the truth of the review gives the answer away.
"""

import random
from dataclasses import replace

from core.data.question import Question
from core.errors import DataError

CHOICES = ("False", "True")


def as_claims(questions: list[Question], seed: int = 0) -> list[Question]:
    """The same questions, in the same order, each with a claim that is right for half of each label.

    Of an odd number of questions, the one left over gets a right claim under label 0, a wrong one under 1.

    Returns:
        Questions with choices False and True, `label` 1 where the claim is right, `claim` the stated choice
        as text, `:claim` after the id and the group unchanged.

    Raises:
        DataError: a question is in claim form already.
    """
    for question in questions:
        if question.claim is not None:
            raise DataError(f"question {question.id} is in claim form already")
    generator = random.Random(f"claims {seed}")
    right: set[int] = set()
    for label in (0, 1):
        places = [place for place, question in enumerate(questions) if question.label == label]
        generator.shuffle(places)
        right.update(places[: (len(places) + 1 - label) // 2])
    return [_with_claim(question, is_right=place in right) for place, question in enumerate(questions)]


def _with_claim(question: Question, is_right: bool) -> Question:
    stated = question.label if is_right else 1 - question.label
    return replace(
        question,
        id=f"{question.id}:claim",
        label=int(is_right),
        choices=CHOICES,
        claim=question.choices[stated],
    )
