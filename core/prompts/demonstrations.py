"""Few-shot demonstrations: drawn from questions held aside, balanced, in a seeded order; and how answered.

How they are answered is a setting with a name, `DEMO_ANSWERS`, because it changes what late layers do. An
open question has no second choice to be answered falsely with: it gets the answer of another demonstration
that asks for the same kind of thing.
"""

import random
from collections.abc import Sequence
from typing import Literal

from core.data.open_questions import kind_of
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
    that sets with successive seeds are balanced together. Their order is seeded too. Open questions have no
    label to balance: all answers of a set differ, and each kind of answer stands in it at least twice, so
    that each has another's to be answered falsely with; what is too few for that is of one kind, which
    changes with the seed.

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
    is_open = any(question.accepted for question in pool)
    side_of, sides = (kind_of, _kinds(pool, shots, seed)) if is_open else (_label, _labels(shots, seed))
    generator.shuffle(sides)
    for side in sides:
        answered = {_answer(demo) for demo in drawn} if is_open else set()
        found = next(
            (
                q
                for q in free
                if side_of(q) == side and q.group not in groups and not (is_open and _answer(q) in answered)
            ),
            None,
        )
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


def shown_reply(
    demos: Sequence[Question],
    place: int,
    choices: tuple[str, str],
    mode: str,
    answers: DemoAnswers,
    seed: int = 0,
) -> str:
    """What a demonstration is answered with, as text: a choice, or to an open question an answer.

    Args:
        demos: the whole set; place: of the demonstration in it.
        choices: of the template, negative first.
        answers, seed: as in `shown_answer`.

    Raises:
        TemplateError: as `shown_answer`; or an open question is to be answered falsely, and no other of the
            set asks for the same kind.
    """
    demo = demos[place]
    choice = shown_answer(demo, mode, answers, seed)
    if not demo.accepted:
        return choices[choice]
    if choice == demo.label:
        return _answer(demo)
    alike = [number for number, other in enumerate(demos) if kind_of(other) == kind_of(demo)]
    following = alike[(alike.index(place) + 1) % len(alike)]
    if following == place:
        raise TemplateError(
            "an open example is answered falsely with another example's answer, and there is no other of its "
            "kind: use 2 shots or more"
        )
    return _answer(demos[following])


def _answer(demo: Question) -> str:
    return demo.accepted[0]


def _label(question: Question) -> int:
    return question.label


def _labels(shots: int, seed: int) -> list[int]:
    """Both labels in turn; the one that an odd number has once more by the seed."""
    labels = [number % 2 for number in range(shots)]
    if shots % 2:
        labels[-1] = seed % 2
    return labels


def _kinds(pool: list[Question], shots: int, seed: int) -> list[str]:
    """The kinds of a set of open demonstrations: evenly where each comes at least twice, else one of them."""
    kinds = sorted({kind_of(question) for question in pool})
    if shots < 2 * len(kinds):
        return [kinds[seed % len(kinds)]] * shots
    return [kinds[(number + seed) % len(kinds)] for number in range(shots)]
