"""The cache folder cannot be written, or is gone in the middle of a harvest."""

import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.child import give_up_root
from tests.faults.outcome import Injection
from tests.faults.processes import run, start
from tests.faults.scene import LONGER, Scene, bad_refusal, failure
from tests.faults.snapshot import DATABASE, committed, differences, snapshot

READ_ONLY, MOVED, DELETED = "cache cannot be written", "cache folder moved away", "cache folder deleted"
LOOK = 0.01
"""Seconds between two looks at how far a harvest is."""


def read_only_cache(scene: Scene) -> Iterator[Injection]:
    """No right to write: in the folder, in that of runs, to the database; before anything and in a run."""
    begun = scene.cache()
    run(*scene.harvest(begun, n=2))
    for what, cache, closed in (
        ("a new cache", (new := scene.cache()), [new]),
        ("a cache with runs", begun, [begun]),
        ("only its folder of runs", begun, [begun / "runs"]),
        ("only its database", begun, sorted(begun.glob("telltale.sqlite*"))),
    ):
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in closed}
        for path, mode in modes.items():
            path.chmod(mode & ~0o222)
        refused = run(*scene.harvest(cache), prepare=give_up_root)
        for path, mode in modes.items():
            path.chmod(mode)
        after = failure(run(*scene.harvest(cache)))
        lost = after or differences(snapshot(cache, scene.reference.run), scene.reference.snapshot)
        forget(scene, cache)
        yield Injection(READ_ONLY, what, (*bad_refusal(refused), *lost))


def forget(scene: Scene, cache: Path) -> None:
    """Delete the usual run from a cache, so that it is made anew."""
    run("runs", "delete", scene.reference.run, "--cache", cache)


def lost_folder(scene: Scene) -> Iterator[Injection]:
    """The folder vanishes when some answers are committed; then it comes back, or does not."""
    expected = scene.longer
    for number in range(scene.times(short=1, full=5)):
        for fault, vanish, come_back in ((MOVED, move_away, move_back), (DELETED, delete, lambda _: None)):
            cache = scene.cache()
            running = start(*scene.harvest(cache, n=LONGER))
            while running.alive and committed(cache) <= 64 * number:
                time.sleep(LOOK)
            vanish(cache)
            ended = running.wait()
            split = ["a new database was made in its place"] if (cache / DATABASE).exists() else []
            shutil.rmtree(cache, ignore_errors=True)
            come_back(cache)
            if fault == DELETED:
                cache = scene.cache()
            again = failure(run(*scene.harvest(cache, n=LONGER)))
            lost = again or differences(snapshot(cache, expected.run), expected.snapshot)
            how = f"when {64 * number} answers and more were committed"
            yield Injection(fault, how, (*bad_refusal(ended), *split, *lost))


def aside(cache: Path) -> Path:
    """Where a cache is moved to."""
    return cache.with_name(f"{cache.name}-moved")


def move_away(cache: Path) -> None:
    """As when a disk is unmounted."""
    cache.rename(aside(cache))


def move_back(cache: Path) -> None:
    """As when it is mounted again."""
    aside(cache).rename(cache)


def delete(cache: Path) -> None:
    """Delete a cache, its links to models and data as links."""
    gone = aside(cache)
    cache.rename(gone)
    shutil.rmtree(gone)
