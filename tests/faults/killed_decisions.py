"""`kill -9` of a process that decides on one answer after another: what it told of must be there."""

import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from core.store.decisions import DecisionStore
from tests.faults.child import die_at_commit
from tests.faults.outcome import Injection
from tests.faults.processes import start_work
from tests.faults.scene import Scene
from tests.faults.snapshot import pruning

FAULT = "kill -9 while decisions are made"
WHO = "ann"
LONGEST, LAST_COMMIT = 0.5, 40
"""A kill comes at most so many seconds, or so many commits, after the first decision."""
APART = 1_000_000
"""Each process decides on answers of its own, so that every decision is told from all others."""


def killed_decisions(scene: Scene) -> Iterator[Injection]:
    """Kill at a random moment, or at a commit, and look for what was confirmed up to then."""
    drawn, run = random.Random(scene.seed), scene.reference.run
    cache, confirmed = scene.cache(), set[int]()
    for number in range(scene.times(short=8, full=50)):
        commit, before = drawn.randint(2, LAST_COMMIT), drawn.random() < 0.5
        if number % 2:
            how = f"{'before' if before else 'after'} commit {commit}"
            running = start_work(
                decide_and_tell, cache, run, number * APART, partial(die_at_commit, commit, before)
            )
        else:
            after = drawn.uniform(0, LONGEST)
            how = f"{after:.2f} s after the first"
            running = start_work(decide_and_tell, cache, run, number * APART, None)
            while running.alive and not running.printed:
                time.sleep(0.01)
            time.sleep(after)
        ended = running.wait() if number % 2 else running.killed()
        confirmed |= {int(line) for line in ended.out.splitlines()}
        there = {row[1] for row in pruning(cache, run)["decisions"]}
        lost = [f"{len(confirmed - there)} confirmed decisions"] if confirmed - there else []
        if ended.code != -9:
            lost.append(f"ended with {ended.code}: {ended.err.strip()[-200:]}")
        yield Injection(FAULT, how, tuple(lost))


def decide_and_tell(cache: Path, run: str, first: int, prepare: partial | None) -> None:
    """Decide on one answer after another from `first` on, and print each as soon as it is confirmed."""
    store = DecisionStore(cache)
    if prepare is not None:
        prepare()
    for answer in range(first, first + APART):
        store.decide(run, [answer], "keep", "sound", WHO, origin="queue")
        print(answer, flush=True)
