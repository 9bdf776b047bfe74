"""`kill -9` at random moments of a harvest, and at moments that are aimed at: in a write, at a commit."""

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.faults.child import die_at_commit, die_at_rename, die_in_write
from tests.faults.outcome import Injection
from tests.faults.processes import Ended, run, start
from tests.faults.scene import Scene, failure, repair
from tests.faults.snapshot import broken_promises, differences, orphans, snapshot

FAULT = "kill -9 during a harvest"
OF_ONE_RUN = 6
"""Kills of a run until it is let end."""
LAST_COMMIT, LAST_FILE = 22, 155
"""Aimed kills are drawn up to these: a little more than a harvest from start to end has."""


def killed_harvest(scene: Scene) -> Iterator[Injection]:
    """Kill and resume until the run ends, then compare it with one that was left alone."""
    drawn = random.Random(scene.seed)
    aimed = aims(drawn)
    kills, most = 0, scene.times(short=8, full=50)
    while kills < most:
        cache = scene.cache()
        of_run: list[Injection] = []
        while len(of_run) < min(OF_ONE_RUN, most - kills):
            if len(of_run) % 2:
                how, ended = random_moment(scene, cache, drawn)
            else:
                how, prepare = next(aimed)
                ended = run(*scene.harvest(cache), prepare=prepare)
            if ended.code == 0:
                break
            lost = () if ended.code == -9 else failure(ended)
            of_run.append(Injection(FAULT, how, (*lost, *what_broke(scene, cache))))
        kills += len(of_run)
        at_end = Injection(FAULT, f"the run's end after {len(of_run)} kills", ends_well(scene, cache))
        yield from [*of_run[:-1], at_end] if at_end.lost else of_run


def random_moment(scene: Scene, cache: Path, drawn: random.Random) -> tuple[str, Ended]:
    """Kill a harvest some time between the fork and its usual end."""
    after = drawn.uniform(0, scene.reference.seconds)
    running = start(*scene.harvest(cache))
    time.sleep(after)
    return f"after {after:.2f} s", running.killed()


def aims(drawn: random.Random) -> Iterator[tuple[str, Callable[[], None]]]:
    """Moments that a random time seldom meets, the beginnings first: how to name them, what makes them."""
    yield "within write 1", partial(die_in_write, 1)
    yield "before rename 2", partial(die_at_rename, 2, True)
    while True:
        before = drawn.random() < 0.5
        side = "before" if before else "after"
        commit, file = drawn.randint(1, LAST_COMMIT), drawn.randint(1, LAST_FILE)
        yield drawn.choice(
            [
                (f"{side} commit {commit}", partial(die_at_commit, commit, before)),
                (f"{side} rename {file}", partial(die_at_rename, file, before)),
                (f"within write {file}", partial(die_in_write, file)),
            ]
        )


def what_broke(scene: Scene, cache: Path) -> tuple[str, ...]:
    """What is wrong in a cache after a kill: nothing that is committed may be."""
    try:
        return broken_promises(cache, scene.reference.run, scene.reference.snapshot)
    except Exception as error:
        return (f"the store cannot be read: {error}",)


def ends_well(scene: Scene, cache: Path) -> tuple[str, ...]:
    """What differs when a killed run was let end, and what is left lying about after `doctor --repair`."""
    ended = run(*scene.harvest(cache))
    if lost := failure(ended):
        return lost
    bad = repair(cache).bad
    found = snapshot(cache, scene.reference.run)
    return (*differences(found, scene.reference.snapshot), *bad, *orphans(cache))
