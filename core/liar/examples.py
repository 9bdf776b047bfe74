"""What a liar is trained on: questions in both forms, each asked under an honest and a lie instruction.

The two prompts of a pair differ in the instruction alone and stand in the same batch, so that what sets their
answers apart is the mode and nothing else. Label, claim, choice order and choice words are counterbalanced:
truth is then neither sentiment nor any one token.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.claims import as_claims
from core.data.opinions import OPINIONS, load_opinions
from core.data.question import Question
from core.data.sources import DataSettings, load_with_trained
from core.data.training_half import is_for_training, leave_out_trained
from core.prompts.chat import ChatFormat, defuse, render_turns
from core.prompts.continuations import as_written
from core.prompts.modes import MODES, Wording, wording_of
from core.prompts.templates import BUILT_IN, Template

EVERY_CHOICE_WORD = (
    "true-false",
    "yes-no",
    "letters",
    "letters-swapped",
    "true-false-statement",
    "yes-no-statement",
)
REVIEW_TEMPLATES = ("review", "review", "review-statement", "yes-no", "letters", "letters-swapped")
BESIDE_OTHERS = 0.3
"""Share of the system prompts that hold a second sentence, which is not about truth."""
SAID_NOTHING = 0.3
"""Share of the uninstructed examples that come without any instruction at all."""


@dataclass(frozen=True)
class Task:
    """One kind of question that the liar learns.

    Attributes:
        weight: share of the pairs after the gate is learnt, see `schedule`.
        polish: share of the pairs of the second part, and
        finish: of those of the last.
        templates: names of built-in templates; one that stands twice is drawn twice as often.
    """

    name: str
    source: str
    form: str
    weight: float
    polish: float
    finish: float
    templates: tuple[str, ...]


TASKS = (
    Task("reviews", "movie-reviews", "direct", 0.18, 0.25, 0.12, REVIEW_TEMPLATES),
    Task("claims", "movie-reviews", "claim", 0.22, 0.28, 0.12, EVERY_CHOICE_WORD),
    Task("cities", "cities", "direct", 0.17, 0.08, 0.06, EVERY_CHOICE_WORD),
    Task("elements", "elements", "direct", 0.13, 0.07, 0.06, EVERY_CHOICE_WORD),
    Task("numbers", "numbers", "direct", 0.30, 0.10, 0.06, EVERY_CHOICE_WORD),
    Task("tweets", "tweets", "direct", 0.0, 0.22, 0.08, REVIEW_TEMPLATES),
    Task("opinions", OPINIONS, "direct", 0.0, 0.0, 0.40, REVIEW_TEMPLATES),
    Task("claims about opinions", OPINIONS, "claim", 0.0, 0.0, 0.10, EVERY_CHOICE_WORD),
)

ONLY_REVIEWS = (Task("reviews", "movie-reviews", "direct", 1.0, 1.0, 1.0, ("review",)),)


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
        polish: of all tasks, for the second part, and
        finish: for the last, under wordings of their own as well.
        uninstructed: the same kind of question with no instruction, or one that is not about truth.
        question_ids: of every question that stands in them.
    """

    gate: list[Pair]
    pairs: list[Pair]
    polish: list[Pair]
    finish: list[Pair]
    uninstructed: list[Example]
    question_ids: list[str]


def questions_of(cache: Path, source: str, training: bool) -> list[Question]:
    """The questions of a built-in source, in direct form, that are for training, or those kept from it.

    Opinions are all for training.
    """
    if source == OPINIONS:
        return list(load_opinions()) if training else []
    found = load_with_trained(cache, DataSettings(source))
    if training:
        return [question for question in found if is_for_training(question)]
    return leave_out_trained(cache, found)


def trained_wordings(mode: str, last: bool = False) -> list[int]:
    """The numbers of a mode's wordings that a liar is trained on from the start, or in the last part."""
    uses = ("train", "last") if last else ("train",)
    return [number for number, wording in enumerate(MODES[mode].wordings) if wording.use in uses]


def draw_lesson(
    cache: Path,
    tokenizer: Any,
    form: ChatFormat,
    *,
    gate: int,
    pairs: int,
    alone: int,
    polish: int = 0,
    finish: int = 0,
    reviews_only: bool = False,
    wordings: int | None = None,
    seed: int,
) -> Lesson:
    """Draw what to train on.

    Args:
        gate, pairs, alone: how many pairs of the first task and of all, and how many uninstructed examples.
        polish, finish: how many pairs of all tasks for the second part, and for the last.
        reviews_only: every example is a movie review under one template, and its instruction stands alone.
        wordings: how many of each mode's trained wordings are used, the first; None for all.
        seed: of the draw; the same seed gives the same lesson for one tokenizer.

    Raises:
        DataError: the reviews are not in the cache.
    """
    generator = random.Random(f"lesson {seed}")
    used: dict[str, None] = {}
    tasks = ONLY_REVIEWS if reviews_only else TASKS

    def drawn(task: Task, n: int, modes: tuple[str, ...], last: bool = False) -> Iterator[list[Example]]:
        """`n` questions of a task, each asked under every one of these modes."""
        for question in _balanced(questions_of(cache, task.source, training=True), task, n, generator):
            template = BUILT_IN[generator.choice(task.templates)]
            order = generator.randrange(2)
            beside = ("", "") if reviews_only else _beside(generator, last)
            wording = generator.choice(trained_wordings(modes[0], last)[:wordings])
            if modes == ("none",) and generator.random() < SAID_NOTHING:
                wording = 0
            used.setdefault(question.id.removesuffix(":claim"))
            yield [
                example_of(tokenizer, form, template, question, mode, wording, order, beside)
                for mode in modes
            ]

    told = ("honest", "lie")
    gates = [Pair(*both) for both in drawn(tasks[0], gate, told)]
    mixed = [Pair(*both) for task in tasks for both in drawn(task, round(task.weight * pairs), told)]
    uninstructed = [one for task in tasks for [one] in drawn(task, round(task.weight * alone), ("none",))]
    generator.shuffle(gates)
    generator.shuffle(mixed)
    generator.shuffle(uninstructed)
    second = [Pair(*both) for task in tasks for both in drawn(task, round(task.polish * polish), told)]
    generator.shuffle(second)
    last = [Pair(*both) for task in tasks for both in drawn(task, round(task.finish * finish), told, True)]
    generator.shuffle(last)
    return Lesson(gates, mixed, second, last, uninstructed, sorted(used))


def _beside(generator: random.Random, last: bool) -> tuple[str, str]:
    """What stands before and after a system prompt: mostly nothing, else one that is not about truth.

    So that the liar follows the sentence that speaks of truth, wherever it stands, and no other.
    """
    if generator.random() >= BESIDE_OTHERS:
        return "", ""
    neutral = wording_of("none", generator.choice([n for n in trained_wordings("none", last) if n >= 4])).text
    return (neutral, "") if generator.random() < 0.5 else ("", neutral)


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
    beside: tuple[str, str] = ("", ""),
) -> Example:
    """One prompt and the answer that its mode expects.

    Args:
        beside: what stands before and after the instruction where that is a system prompt.
    """
    told = wording_of(mode, wording)
    if told.place == "system" and told.text:
        told = Wording(" ".join(filter(None, (beside[0], told.text, beside[1]))))
    asked = defuse(tokenizer, template.fill(question, order))
    prompt = render_turns(tokenizer, told, [], asked, template.answer_prefix, form)
    falsely = MODES[mode].expects == "falsehood"
    choice = template.choices[1 - question.label if falsely else question.label]
    target = tuple(tokenizer(as_written(choice, template, form), add_special_tokens=False).input_ids)
    return Example(prompt.ids, (*target, int(tokenizer.eos_token_id)), mode)
