"""The disk is full in the middle of a harvest: by a limit on the size of files, and on a disk of a few MB."""

import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from tests.conftest import beside
from tests.faults.child import limit_file_size
from tests.faults.outcome import Injection
from tests.faults.processes import Ended, run
from tests.faults.scene import Scene, bad_refusal, failure
from tests.faults.snapshot import broken_promises, differences, snapshot

LIMITED, SMALL = "no file may grow further", "disk full"
SIZES = (512, 1024, 4096, 16_384, 65_536, 98_304, 114_688, 131_072, 163_840)
SHORT_SIZES = (1024, 65_536, 131_072)
"""Bytes that a file may have, also the one that takes the refusal. A chunk of states has 4 KiB; database,
log and journal grow far over them."""
DISK = 8 << 20
ROOM, SHORT_ROOM = (0, 32, 128, 256, 384, 512, 640), (0, 256)
"""KiB that are left on the small disk when the harvest begins."""


def full_disk(scene: Scene) -> Iterator[Injection]:
    """Run out of space, be told so in one sentence, make space, go on."""
    for most in SHORT_SIZES if scene.short else SIZES:
        cache = scene.cache()
        ended = run(*scene.harvest(cache), prepare=partial(limit_file_size, most))
        if ended.code != 0:
            yield Injection(LIMITED, f"over {most:,} bytes", came_through(scene, cache, ended))
    disk = Path(mkdtemp(prefix="disk-", dir=scene.folder))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        yield Injection(SMALL, "", skipped="only root may mount a small disk")
        return
    try:
        for room in SHORT_ROOM if scene.short else ROOM:
            yield from on_small_disk(scene, disk, room)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def on_small_disk(scene: Scene, disk: Path, room: int) -> Iterator[Injection]:
    """A harvest on a disk with so many KiB left, and again when something was deleted."""
    cache = beside(scene.source, Path(mkdtemp(dir=disk)))
    ballast = fill(disk, room)
    ended = run(*scene.harvest(cache))
    ballast.unlink()
    if ended.code != 0:
        yield Injection(SMALL, f"{room} KiB left", came_through(scene, cache, ended))
    subprocess.run(["rm", "-r", str(cache)], check=True)


def fill(disk: Path, room: int) -> Path:
    """A file that leaves so many KiB of a disk."""
    ballast = disk / "ballast"
    free = int(subprocess.run(["df", "--output=avail", "-k", disk], capture_output=True).stdout.split()[-1])
    ballast.write_bytes(bytes(1024 * (free - room)))
    return ballast


def came_through(scene: Scene, cache: Path, ended: Ended) -> tuple[str, ...]:
    """What was lost when a harvest was refused, and when it went on without the limit."""
    broken = broken_promises(cache, scene.reference.run, scene.reference.snapshot)
    again = run(*scene.harvest(cache))
    if wrong := failure(again):
        return (*bad_refusal(ended), *broken, *wrong)
    found = snapshot(cache, scene.reference.run)
    return (*bad_refusal(ended), *broken, *differences(found, scene.reference.snapshot))
