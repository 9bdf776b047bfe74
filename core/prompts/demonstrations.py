"""Few-shot demonstrations, drawn from questions held aside: balanced, in a seeded order."""

import random

from core.data.question import Question
from core.errors import TemplateError


def draw_demonstrations(
    pool: list[Question], asked: list[Question], shots: int, seed: int = 0
) -> list[Question]:
    """`shots` questions that share no group with those asked, as many of each label as can be.

    Raises:
        TemplateError: shots is negative, or the pool has too few questions left.
    """
    if shots < 0:
        raise TemplateError(f"cannot draw {shots} demonstrations: ask for 0 or more")
    if shots == 0:
        return []
    taken = {question.group for question in asked}
    generator = random.Random(f"demonstrations {seed}")
    free = [question for question in pool if question.group not in taken]
    generator.shuffle(free)
    drawn: list[Question] = []
    groups: set[str] = set()
    labels = [number % 2 for number in range(shots)]
    generator.shuffle(labels)
    for label in labels:
        found = next((q for q in free if q.label == label and q.group not in groups), None)
        if found is None:
            raise TemplateError(
                f"{shots} demonstrations are not to be had: too few questions are left beside "
                f"the {len(asked)} asked; ask fewer, or use fewer shots"
            )
        drawn.append(found)
        groups.add(found.group)
    return drawn
