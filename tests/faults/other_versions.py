"""A store that an older version wrote is migrated with a copy kept; a newer version's is left alone."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.faults.damaged_database import prune
from tests.faults.outcome import Injection
from tests.faults.processes import run, start_work
from tests.faults.scene import Scene, bad_refusal, failure, result
from tests.faults.snapshot import DATABASE, differences, pruning, snapshot

OLDER, NEWER = "store of an older version", "store of a newer version"
LATER = {
    "before versions had numbers": {"answers": ["not_finite"], "decisions": []},
    "before open answers": {
        "answers": ["not_finite", "outcome", "named", "first_token", "tokens"],
        "decisions": ["blind", "everywhere", "origin"],
    },
}
"""The columns that each older version did not have yet."""
AFTER = 10_000
"""The number of a version that is far from being written."""


def other_versions(scene: Scene) -> Iterator[Injection]:
    """Open the stores of other versions by a command that reads, and then go on with the harvest."""
    whole = scene.copy(scene.reference.cache)
    start_work(prune, whole, scene.reference.run).wait()
    for how, columns in LATER.items():
        cache = scene.copy(whole)
        make_older(cache, columns)
        yield Injection(OLDER, how, migrates(scene, cache, columns))
    for number in range(2):
        cache = scene.copy(whole)
        command = [scene.harvest(cache), ["runs", "--cache", cache]][number]
        with closing(sqlite3.connect(cache / DATABASE)) as connection:
            connection.execute(f"PRAGMA user_version = {AFTER}")
        before = contents(cache)
        ended = run(*command)
        changed = () if contents(cache) == before else ("files in the cache changed",)
        yield Injection(NEWER, f"telltale {command[0]}", (*bad_refusal(ended), *changed))


def make_older(cache: Path, columns: dict[str, list[str]]) -> None:
    """Take from a store what its version did not have: columns, the version's number, journals."""
    with closing(sqlite3.connect(cache / DATABASE)) as connection:
        for (index,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%not_finite%'"
        ).fetchall():
            connection.execute(f"DROP INDEX {index}")
        for table, names in columns.items():
            for name in names:
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
        connection.execute("PRAGMA user_version = 0")
        connection.commit()
    for journal in cache.rglob("journal.jsonl"):
        journal.unlink()


def migrates(scene: Scene, cache: Path, columns: dict[str, list[str]]) -> tuple[str, ...]:
    """What is lost when this version opens the store, and goes on with its run."""
    expected = scene.reference
    old, decided = dump(cache / DATABASE), steps(cache, expected.run)
    lost = list(failure(run("runs", "--cache", cache)))
    kept = cache / f"{DATABASE}.version-0"
    if not kept.is_file() or dump(kept) != old:
        lost.append("no copy was kept, or it differs")
    again = run(*scene.harvest(cache))
    if again.code == 0 and (made := result(again)["made"]):
        lost.append(f"{made} answers were made again")
    lost += failure(again) or differences(snapshot(cache, expected.run), expected.snapshot)
    if steps(cache, expected.run) != decided:
        lost.append("decisions differ")
    return tuple(lost)


def steps(cache: Path, name: str) -> list[tuple]:
    """Every decision in the columns that all versions have."""
    return [row[:4] for row in pruning(cache, name)["decisions"]]


def dump(file: Path) -> list[str]:
    """A database as SQL, whatever its schema."""
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def contents(cache: Path) -> dict[str, str]:
    """The hash of each file that a cache has of its own."""
    return {
        str(path.relative_to(cache)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(cache.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }
