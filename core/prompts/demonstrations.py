"""Few-shot demonstrations: drawn from questions held aside, balanced, in a seeded order; and how answered.

How they are answered is a setting with a name, `DEMO_ANSWERS`, because it changes what late layers do.
"""

import random
from typing import Literal

from core.data.question import Question
from core.errors import TemplateError
from core.prompts.modes import MODES

DemoAnswers = Literal["truth", "mode", "random"]
DEMO_ANSWERS: dict[str, str] = {
    "truth": "The instruction alone asks for the lie. The default, because false demonstrations by "
    'themselves make late layers flip (Halawi et al. 2023, "Overthinking the truth").',
    "mode": "Falsely under lie and flip. Late layers may then flip because they copy "
    "false demonstrations, and not because of the instruction.",
    "random": "The same in every mode: they show the format and say nothing about truth (Min et al. 2022, "
    '"Rethinking the role of demonstrations").',
}
DEMO_SETS = 3


def draw_demonstrations(
    pool: list[Question], asked: list[Question], shots: int, seed: int = 0
) -> list[Question]:
    """`shots` questions that share no group with those asked or with each other.

    As many of each label as can be; the label that an odd number has once more changes with the seed, so
    that sets with successive seeds are balanced together. Their order is seeded too.

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
    if shots % 2:
        labels[-1] = seed % 2
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


def shown_answer(demo: Question, mode: str, answers: DemoAnswers, seed: int = 0) -> int:
    """The choice, 0 or 1, that a demonstration is answered with.

    It follows from the arguments alone, so that a prompt can be made again from a run's settings.

    Args:
        seed: of the coin, where `answers` is `random`.

    Raises:
        TemplateError: `answers` is none of `DEMO_ANSWERS`.
    """
    if answers == "truth":
        return demo.label
    if answers == "mode":
        return 1 - demo.label if MODES[mode].expects == "falsehood" else demo.label
    if answers == "random":
        return random.Random(f"demonstration answers {seed} {demo.id}").randrange(2)
    raise TemplateError(f"demonstrations are answered by {', '.join(DEMO_ANSWERS)}, not by {answers!r}")
