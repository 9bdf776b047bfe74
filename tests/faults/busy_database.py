"""Another process holds the database and lets nobody write: during a harvest, and at a decision."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from core.store.decisions import DecisionStore
from tests.faults.outcome import Injection
from tests.faults.processes import Running, start, start_work
from tests.faults.scene import LONGER, Scene, failure
from tests.faults.snapshot import DATABASE, committed, differences, pruning, snapshot

FAULT = "database busy"
LOOK = 0.01


def busy_database(scene: Scene) -> Iterator[Injection]:
    """Hold the database for half a minute; what waits for it must go on when it is let go of."""
    seconds = scene.times(short=3, full=30)
    expected = scene.longer
    cache = scene.cache()
    harvest = start(*scene.harvest(cache, n=LONGER))
    while harvest.alive and not committed(cache):
        time.sleep(LOOK)
    holder = hold_for(cache, seconds)
    before = committed(cache)
    ended = harvest.wait()
    waited = () if ended.seconds >= seconds else (f"ended within {seconds} s, before it was let go of",)
    lost = failure(ended) or differences(snapshot(cache, expected.run), expected.snapshot)
    holder.wait()
    yield Injection(FAULT, f"for {seconds} s, at {before} answers of a harvest", (*waited, *lost))
    holder = hold_for(cache, seconds)
    decider = start_work(decide_once, cache, expected.run)
    ended = decider.wait()
    holder.wait()
    there = [row[1] for row in pruning(cache, expected.run)["decisions"]] == [0]
    missing = () if there else ("the decision is not there",)
    yield Injection(FAULT, f"for {seconds} s, at a decision", failure(ended) or missing)


def hold_for(cache: Path, seconds: float) -> Running:
    """Have another process hold the database; gives it when it does."""
    holder = start_work(hold, cache, seconds)
    while holder.alive and not holder.printed:
        time.sleep(LOOK)
    return holder


def hold(cache: Path, seconds: float) -> None:
    """Take the right to write, say so, and keep it."""
    with closing(sqlite3.connect(cache / DATABASE, timeout=60)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        print("held", flush=True)
        time.sleep(seconds)
        connection.rollback()


def decide_once(cache: Path, run: str) -> None:
    """One decision, as the Prune page makes it."""
    DecisionStore(cache).decide(run, [0], "drop", "other", "ann", origin="queue")
