"""The database cut short, with zeros in it, replaced by garbage, or deleted: the journals make it anew."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

from core.store.decisions import DecisionStore
from tests.faults.outcome import Injection
from tests.faults.processes import run, start_work
from tests.faults.scene import Scene, failure, repair, result
from tests.faults.snapshot import DATABASE, differences, pruning, snapshot

PAGE = 4096


def cut_short(file: Path, drawn: random.Random) -> None:
    """Leave some of its pages, the last one in part."""
    content = file.read_bytes()
    file.write_bytes(content[: drawn.randrange(PAGE, len(content))])


def put_zeros(file: Path, drawn: random.Random) -> None:
    """Empty a quarter of its pages, in the middle."""
    content = bytearray(file.read_bytes())
    pages = len(content) // PAGE
    first = drawn.randrange(1, pages - pages // 4)
    content[first * PAGE : (first + pages // 4) * PAGE] = bytes(pages // 4 * PAGE)
    file.write_bytes(content)


def put_garbage(file: Path, drawn: random.Random) -> None:
    """Other bytes in its place."""
    file.write_bytes(drawn.randbytes(file.stat().st_size))


def delete(file: Path, drawn: random.Random) -> None:
    """Delete it with its log."""
    del drawn
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()


DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {
    "database cut short": cut_short,
    "zeros in the database": put_zeros,
    "garbage for a database": put_garbage,
    "database deleted": delete,
}


def damaged_database(scene: Scene) -> Iterator[Injection]:
    """Damage the database of a cache with two runs and decisions on both by turns, each time in a copy."""
    drawn = random.Random(scene.seed)
    whole = scene.copy(scene.reference.cache)
    names = (scene.reference.run, result(run(*scene.harvest(whole, seed=1)))["run"])
    for name in (*names, names[0]):
        start_work(prune, whole, name).wait()
    expected = {name: (snapshot(whole, name), pruning(whole, name)) for name in names}
    for fault, damage in DAMAGES.items():
        for number in range(scene.times(short=1, full=10)):
            cache = scene.copy(whole)
            damage(cache / DATABASE, drawn)
            lost = list(repair(cache).bad)
            if damage is not delete and not list(cache.glob(f"{DATABASE}.damaged-*")):
                lost.append("the damaged file was not kept")
            for name, (answers, decided) in expected.items():
                lost += differences(snapshot(cache, name), answers)
                found = pruning(cache, name)
                lost += [
                    f"{table} of run {name} differ" for table in decided if found[table] != decided[table]
                ]
                lost += failure(run("runs", "show", name, "--cache", cache))
            yield Injection(fault, f"time {number + 1}", tuple(lost))


def prune(cache: Path, name: str) -> None:
    """Decisions of two people: single ones and many at once, one undone, one undone and brought back."""
    store = DecisionStore(cache)
    store.decide(name, [0], "keep", "sound", "ann", origin="queue")
    store.decide(name, list(range(10, 60)), "drop", "other", "ann", origin="rules")
    store.undo(name, "ann")
    store.decide(name, [0, 1], "unsure", "cannot tell", "ben", scores_shown=True, origin="table")
    store.redo(name, "ann")
    store.decide(name, [2], "drop", "duplicate", "ben", everywhere=True, origin="queue")
    store.undo(name, "ben")
