"""Lays a harvest out as blocks: answers that share a prefix, sorted by length, in a fixed order.

A block is what is written and committed at once. Its rows are aligned with the chunks of the state
arrays, so that writing one never touches another's.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby, zip_longest
from typing import Any

from core.data.question import Question
from core.engine.prefix import shared_beginning, shared_length
from core.engine.settings import HarvestSettings
from core.prompts.chat import ChatFormat, Prompt, chat_format, check_length, render
from core.prompts.continuations import continuations
from core.prompts.demonstrations import draw_demonstrations

WINDOW = 128
SLACK = 16


@dataclass(frozen=True)
class Arm:
    """What prompts with one shared prefix have in common."""

    mode: str
    wording: int
    order: int
    demo_set: int


@dataclass(frozen=True)
class Item:
    """One answer to be made: its row in the state arrays, its question's index, its sample, its prompt."""

    row: int
    question: int
    sample: int
    prompt: Prompt


@dataclass(frozen=True)
class Block:
    """Answers of one arm that are written together; `first_row` is a multiple of the block size."""

    number: int
    first_row: int
    arm: Arm
    items: tuple[Item, ...]


def key_columns(block: Block, item: Item) -> dict[str, object]:
    """The columns of a stored answer that say which one it is."""
    return {
        "answer": item.row,
        "number": item.question,
        "mode": block.arm.mode,
        "wording": block.arm.wording,
        "order": block.arm.order,
        "demo_set": block.arm.demo_set,
        "sample": item.sample,
    }


@dataclass(frozen=True, eq=False)
class Plan:
    """All that a harvest will do, in order."""

    settings: HarvestSettings
    questions: list[Question]
    demonstrations: list[list[Question]]
    form: ChatFormat
    tokenizer: Any
    context: int
    block_size: int

    @property
    def arms(self) -> list[Arm]:
        """Every combination of mode, wording, order and demonstration set."""
        s = self.settings
        sets = range(s.demo_sets if s.shots else 1)
        return [Arm(m, w, o, d) for w in s.wordings for o in s.orders for d in sets for m in s.modes]

    @property
    def answers(self) -> int:
        """How many answers there will be."""
        return self.settings.answers_to(len(self.questions))

    @property
    def windows(self) -> list[range]:
        """Questions are taken in windows, so that all arms grow together."""
        width = max(WINDOW, self.block_size)
        return [range(s, min(s + width, len(self.questions))) for s in range(0, len(self.questions), width)]

    @property
    def rows(self) -> int:
        """The rows that the state arrays need; the last rows of a block may stay empty."""
        samples = [self.settings.samples_in(arm.mode) for arm in self.arms]
        blocks = sum(-(-len(window) * n // self.block_size) for window in self.windows for n in samples)
        return blocks * self.block_size

    @cached_property
    def continuations(self) -> tuple[tuple[int, ...], ...]:
        """The ids of both choices, with which every prompt is also continued; none where not wanted."""
        if not self.settings.contrast:
            return ()
        prompt = self.prompt(self.questions[0], self.arms[0])
        return continuations(self.tokenizer, self.settings.template, prompt, self.form)

    @property
    def most_new_tokens(self) -> int:
        """The most tokens that are read after a prompt: an answer's, or a continuation's."""
        return max(self.settings.decoding.max_new_tokens, *map(len, self.continuations), 0)

    def prompt(self, question: Question, arm: Arm) -> Prompt:
        """The prompt of one question in one arm."""
        return render(
            self.tokenizer,
            self.settings.template,
            question,
            mode=arm.mode,
            wording=arm.wording,
            order=arm.order,
            demonstrations=self.demonstrations[arm.demo_set] if self.demonstrations else [],
            demo_answers=self.settings.demo_answers,
            demo_seed=self.settings.demo_seed,
            form=self.form,
        )

    def groups(self) -> Iterator[tuple[Block, ...]]:
        """The blocks, those together that are best asked together.

        The same settings give the same blocks and groups, which is what resuming stands on.
        """
        number = 0
        for window in self.windows:
            of_arm: dict[Arm, list[Block]] = {}
            for arm in self.arms:
                of_arm[arm] = list(self._blocks(window, arm, number))
                number += len(of_arm[arm])
            for arms in self._asked_together:
                for blocks in zip_longest(*(of_arm[arm] for arm in arms)):
                    yield tuple(block for block in blocks if block is not None)

    def blocks(self) -> Iterator[Block]:
        """The blocks one by one."""
        return chain.from_iterable(self.groups())

    def _blocks(self, window: range, arm: Arm, number: int) -> Iterator[Block]:
        """The blocks of one arm in a window of questions; the first one has this number."""
        prompts = {index: self.prompt(self.questions[index], arm) for index in window}
        for index, prompt in prompts.items():
            what = f"question {self.questions[index].id}"
            check_length(prompt, self.most_new_tokens, self.context, what)
        todo = [
            (index, sample)
            for index in sorted(window, key=lambda i: (len(prompts[i].ids), i))
            for sample in range(self.settings.samples_in(arm.mode))
        ]
        for start in range(0, len(todo), self.block_size):
            first = number * self.block_size
            items = tuple(
                Item(first + offset, index, sample, prompts[index])
                for offset, (index, sample) in enumerate(todo[start : start + self.block_size])
            )
            yield Block(number, first, arm, items)
            number += 1

    @cached_property
    def _asked_together(self) -> list[tuple[Arm, ...]]:
        """The arms, modes together that differ after the question only: it is then read once for all."""
        found: list[tuple[Arm, ...]] = []
        for _, alike in groupby(self.arms, key=lambda arm: (arm.wording, arm.order, arm.demo_set)):
            arms = tuple(alike)
            question = self.questions[0]
            same = len(shared_beginning([self.prompt(question, arm).ids for arm in arms]))
            apart = max(len(self.prefix_ids(arm)) for arm in arms)
            found += [arms] if same > apart else [(arm,) for arm in arms]
        return found

    def sampling_key(self, block: Block, item: Item) -> str:
        """What an answer's sampling depends on beside the seed: itself, and not the batch that it is in."""
        return f"{self.questions[item.question].id} {block.arm} {item.sample}"

    def prefix_ids(self, arm: Arm) -> tuple[int, ...]:
        """The ids that all prompts of an arm share, judged on a spread of its questions.

        A prompt that turns out to differ is generated without the prefix.
        """
        if arm not in self._prefixes:
            step = max(1, len(self.questions) // 50)
            prompts = [self.prompt(question, arm).ids for question in self.questions[::step]]
            self._prefixes[arm] = prompts[0][: shared_length(prompts)]
        return self._prefixes[arm]

    @cached_property
    def _prefixes(self) -> dict[Arm, tuple[int, ...]]:
        return {}

    def with_content(self, text: str, claim: str | None) -> Question:
        """A content-free question in the shape of this run's questions, for calibration."""
        model = self.questions[0]
        return Question("content-free", text, 0, model.choices, model.source, "content-free", claim)


def make_plan(
    settings: HarvestSettings,
    questions: list[Question],
    pool: list[Question],
    tokenizer: Any,
    context: int,
) -> Plan:
    """Draw demonstrations, fix the chat format and check that the questions fit.

    Args:
        pool: questions to draw demonstrations from.
        context: the model's longest prompt plus answer, tokens.

    Raises:
        TemplateError: a question that does not fit the template, or too few questions for the demonstrations.
    """
    for question in questions:
        settings.template.check_fits(question)
    sets = range(settings.demo_sets if settings.shots else 0)
    demonstrations = [
        draw_demonstrations(pool, questions, settings.shots, settings.demo_seed + number) for number in sets
    ]
    order = list(questions)
    random.Random(f"order {settings.data.seed}").shuffle(order)
    arms = len(settings.wordings) * len(settings.orders) * max(1, len(demonstrations))
    total = len(order) * arms * sum(settings.samples_in(mode) for mode in settings.modes)
    plan = Plan(
        settings=settings,
        questions=order,
        demonstrations=demonstrations,
        form=chat_format(tokenizer, settings.system, settings.chat),
        tokenizer=tokenizer,
        context=context,
        block_size=32 if total <= 4000 else 256,
    )
    check_lengths(plan)
    return plan


def check_lengths(plan: Plan) -> None:
    """Refuse prompts that do not fit the context, before anything runs.

    No text has more tokens than bytes, so that only prompts of long texts need to be made to know.

    Raises:
        TemplateError: a prompt and its answer are longer than the model's context.
    """
    new = plan.most_new_tokens
    slots = [slot for slot in plan.settings.template.slots if slot in ("text", "statement")]
    for arm in plan.arms:
        empty = plan.prompt(plan.with_content("", plan.questions[0].claim), arm)
        room = plan.context - new - len(empty.ids) - SLACK
        for question in plan.questions:
            size = len(question.text.encode()) + len((question.claim or "").encode())
            if size * len(slots) > room:
                check_length(plan.prompt(question, arm), new, plan.context, f"question {question.id}")
