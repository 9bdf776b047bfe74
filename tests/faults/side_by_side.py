"""Two processes at one store: with different runs, and with the same one, of which one then dies."""

import time
from collections.abc import Iterator
from functools import partial

from tests.faults.child import slow_commits
from tests.faults.outcome import Injection
from tests.faults.processes import Running, start
from tests.faults.scene import Scene, failure
from tests.faults.snapshot import committed, differences, snapshot

DIFFERENT, SAME, SUCCESSION = (
    "two processes, different runs",
    "two processes, the same run",
    "two processes, the same run, the first killed",
)
PAUSE = 0.3
"""Seconds that each commit of the first process takes longer, so that the second comes in between."""
TOGETHER = 2.0
"""Seconds that both are at it before the first is killed."""
LOOK = 0.01


def side_by_side(scene: Scene) -> Iterator[Injection]:
    """Start two at once; both end well, and what they make equals what one alone makes."""
    other = scene.undisturbed(seed=1)
    for number in range(scene.times(short=1, full=10)):
        cache = scene.cache()
        two = [start(*scene.harvest(cache)), start(*scene.harvest(cache, seed=1))]
        lost = [text for running in two for text in failure(running.wait())]
        for expected in (scene.reference, other):
            lost += differences(snapshot(cache, expected.run), expected.snapshot)
        yield Injection(DIFFERENT, f"time {number + 1}", tuple(lost))
    for number in range(scene.times(short=1, full=10)):
        yield Injection(SAME, f"time {number + 1}", same_run(scene, kill=False))
    for number in range(scene.times(short=1, full=10)):
        yield Injection(SUCCESSION, f"time {number + 1}", same_run(scene, kill=True))


def same_run(scene: Scene, kill: bool) -> tuple[str, ...]:
    """What goes wrong where a second process starts a run that a first is at; nothing where all is well."""
    cache = scene.cache()
    first = start(*scene.harvest(cache), prepare=partial(slow_commits, PAUSE))
    while first.alive and not committed(cache):
        time.sleep(LOOK)
    second = start(*scene.harvest(cache))
    lost = stays(second, first)
    if kill:
        if (ended := first.killed()).code != -9:
            lost += (f"the first was not killed in time but ended with {ended.code}",)
    else:
        lost += failure(first.wait())
    lost += failure(second.wait())
    return lost or differences(snapshot(cache, scene.reference.run), scene.reference.snapshot)


def stays(second: Running, first: Running) -> tuple[str, ...]:
    """Whether the second watches for a while, and does not end before the first has."""
    until = time.monotonic() + TOGETHER
    while time.monotonic() < until and first.alive:
        if not second.alive:
            return ("the second ended while the first was at it",)
        time.sleep(LOOK)
    return ()
