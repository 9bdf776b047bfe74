"""Which examples each step sees: a function of lesson and seed, so that resuming changes nothing."""

import random
from collections.abc import Iterator

from core.liar.examples import Example, Lesson, Pair
from core.liar.settings import LiarSettings

SORTED_TOGETHER = 8


def schedule(lesson: Lesson, settings: LiarSettings) -> Iterator[list[Example]]:
    """The batch of each step, in order.

    The first steps hold honest and uninstructed answers alone: what is true comes before when to say it. Then
    come pairs about reviews alone: the gate from the instruction is learnt several times faster where the
    truth is easy to read, and carries over. All tasks follow; the second part dwells on reviews and claims,
    the last on opinions about other things. Pairs of like length share a batch, for little padding.
    """
    gate, mixed, polish, finish = (
        _chunks(pairs, settings) for pairs in (lesson.gate, lesson.pairs, lesson.polish, lesson.finish)
    )
    free = _endless(lesson.uninstructed, random.Random(f"uninstructed {settings.seed}"))
    for step in range(settings.all_steps):
        if step < settings.steps:
            chunks = gate if step < settings.gate_steps else mixed
        else:
            chunks = polish if step < settings.steps + settings.polish_steps else finish
        if step < settings.honest_steps:
            batch = [pair.honest for _ in range(2) for pair in next(chunks)]
        else:
            batch = [example for pair in next(chunks) for example in (pair.honest, pair.lie)]
        yield batch + [next(free) for _ in range(settings.batch_alone)]


def _chunks(pairs: list[Pair], settings: LiarSettings) -> Iterator[list[Pair]]:
    generator, size = random.Random(f"order {settings.seed}"), settings.batch_pairs
    while True:
        order = list(pairs)
        generator.shuffle(order)
        window = SORTED_TOGETHER * size
        chunks = []
        for start in range(0, len(order), window):
            alike = sorted(order[start : start + window], key=lambda pair: pair.length)
            chunks += [alike[place : place + size] for place in range(0, len(alike), size)]
        generator.shuffle(chunks)
        yield from chunks


def _endless(examples: list[Example], generator: random.Random) -> Iterator[Example]:
    while True:
        order = list(examples)
        generator.shuffle(order)
        yield from order
