"""What a liar is trained on: questions in both forms, each asked under an honest and a lie instruction.

The two prompts of a pair differ in the instruction alone and stand in the same batch, so that what sets their
answers apart is the mode and nothing else. Label, claim, choice order and choice words are counterbalanced:
truth is then neither sentiment nor any one token.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.claims import as_claims
from core.data.facts import load_facts
from core.data.question import Question
from core.data.reviews import load_reviews
from core.data.training_half import is_for_training, leave_out_trained
from core.prompts.chat import ChatFormat, render
from core.prompts.modes import MODES
from core.prompts.templates import BUILT_IN, Template

EVERY_CHOICE_WORD = (
    "true-false",
    "yes-no",
    "letters",
    "letters-swapped",
    "true-false-statement",
    "yes-no-statement",
)


@dataclass(frozen=True)
class Task:
    """One kind of question that the liar learns.

    Attributes:
        weight: share of the pairs after the gate is learnt, see `schedule`.
        templates: names of built-in templates; one that stands twice is drawn twice as often.
    """

    name: str
    source: str
    form: str
    weight: float
    templates: tuple[str, ...]


TASKS = (
    Task(
        "reviews",
        "movie-reviews",
        "direct",
        0.15,
        ("review", "review", "review-statement", "yes-no", "letters", "letters-swapped"),
    ),
    Task("claims", "movie-reviews", "claim", 0.35, EVERY_CHOICE_WORD),
    Task("cities", "cities", "direct", 0.15, EVERY_CHOICE_WORD),
    Task("elements", "elements", "direct", 0.10, EVERY_CHOICE_WORD),
    Task("numbers", "numbers", "direct", 0.25, EVERY_CHOICE_WORD),
)


@dataclass(frozen=True)
class Example:
    """A prompt and the answer that it is to get: the choice's tokens and the end of the turn."""

    prompt: tuple[int, ...]
    target: tuple[int, ...]
    mode: str


@dataclass(frozen=True)
class Pair:
    """One question under an honest and under a lie instruction of one number."""

    honest: Example
    lie: Example

    @property
    def length(self) -> int:
        """Tokens of the longer one."""
        return max(len(example.prompt) + len(example.target) for example in (self.honest, self.lie))


@dataclass(frozen=True)
class Lesson:
    """Everything that one training draws from.

    Attributes:
        gate: pairs of the first task alone, in which the truth is easiest to read.
        pairs: of all tasks, in a seeded order.
        uninstructed: the same kind of question with no instruction, or one that is not about truth.
        question_ids: of every question that stands in them.
    """

    gate: list[Pair]
    pairs: list[Pair]
    uninstructed: list[Example]
    question_ids: list[str]


def questions_of(cache: Path, source: str, training: bool) -> list[Question]:
    """The questions of a built-in source, in direct form, that are for training, or those kept from it."""
    found = load_reviews(cache, source) if source.endswith("reviews") else load_facts(source)
    if training:
        return [question for question in found if is_for_training(question)]
    return leave_out_trained(cache, found)


def trained_wordings(mode: str) -> list[int]:
    """The numbers of a mode's wordings that a liar is trained on."""
    return [number for number, wording in enumerate(MODES[mode].wordings) if not wording.held_out]


def draw_lesson(cache: Path, tokenizer: Any, form: ChatFormat, gate: int, pairs: int, seed: int) -> Lesson:
    """Draw what to train on.

    Args:
        gate, pairs: how many of each; two sevenths as many examples come uninstructed.
        seed: of the draw; the same seed gives the same lesson for one tokenizer.

    Raises:
        DataError: the reviews are not in the cache.
    """
    generator = random.Random(f"lesson {seed}")
    gates: list[Pair] = []
    mixed: list[Pair] = []
    uninstructed: list[Example] = []
    used: dict[str, None] = {}
    todo = [(TASKS[0], gate, gates)] + [(task, round(task.weight * pairs), mixed) for task in TASKS]
    for task, wanted, drawn in todo:
        questions = questions_of(cache, task.source, training=True)
        alone = -(-wanted * 2 // 7)
        for number, question in enumerate(_balanced(questions, task, wanted + alone, generator)):
            template = BUILT_IN[generator.choice(task.templates)]
            order = generator.randrange(2)
            used.setdefault(question.id.removesuffix(":claim"))
            if number < wanted:
                wording = generator.choice(trained_wordings("lie"))
                honest, lie = (
                    example_of(tokenizer, form, template, question, mode, wording, order)
                    for mode in ("honest", "lie")
                )
                drawn.append(Pair(honest, lie))
            else:
                # Every other one without any instruction at all, the rest under one that is not about truth.
                wording = 0 if number % 2 else generator.choice(trained_wordings("none"))
                uninstructed.append(example_of(tokenizer, form, template, question, "none", wording, order))
    generator.shuffle(gates)
    generator.shuffle(mixed)
    generator.shuffle(uninstructed)
    return Lesson(gates, mixed, uninstructed, sorted(used))


def _balanced(questions: Sequence[Question], task: Task, n: int, generator: random.Random) -> list[Question]:
    """`n` questions, each label as often, the claims drawn anew whenever the source has been gone through."""
    drawn: list[Question] = []
    while len(drawn) < n:
        asked = list(questions)
        if task.form == "claim":
            asked = as_claims(asked, generator.randrange(1 << 30))
        of_label = [[q for q in asked if q.label == label] for label in (0, 1)]
        each = min(map(len, of_label))
        for mine in of_label:
            generator.shuffle(mine)
        drawn += [q for pair in zip(of_label[0][:each], of_label[1][:each], strict=True) for q in pair]
    return drawn[:n]


def example_of(
    tokenizer: Any,
    form: ChatFormat,
    template: Template,
    question: Question,
    mode: str,
    wording: int,
    order: int,
) -> Example:
    """One prompt and the answer that its mode expects."""
    prompt = render(tokenizer, template, question, mode=mode, wording=wording, order=order, form=form)
    falsely = MODES[mode].expects == "falsehood"
    choice = template.choices[1 - question.label if falsely else question.label]
    written = choice if form.chat and not template.answer_prefix else f" {choice}"
    target = tuple(tokenizer(written, add_special_tokens=False).input_ids)
    return Example(prompt.ids, (*target, int(tokenizer.eos_token_id)), mode)
