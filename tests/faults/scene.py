"""Where the campaign happens: caches of its own, a tiny model, and runs that met no fault to compare with."""

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from benchmarks.tiny_model import write_tiny_llama
from tests.conftest import beside
from tests.faults.processes import Ended, run
from tests.faults.snapshot import Snapshot, snapshot

LONGER = 400
"""Questions of a harvest that lasts some seconds."""


@dataclass(frozen=True)
class Reference:
    """A run that met no fault: where it is, what it is, and how long it took from the fork to its end."""

    cache: Path
    run: str
    snapshot: Snapshot
    seconds: float


@dataclass(frozen=True)
class Scene:
    """One campaign.

    Attributes:
        source: a cache with the embedded model and the data, of which nothing is changed.
        folder: of the campaign; its caches are made here.
        short: each fault a few times, as in CI.
        seed: of all that is drawn.
    """

    source: Path
    folder: Path
    short: bool
    seed: int = 0

    def times(self, short: int, full: int) -> int:
        """How often: so many times in the short campaign, and in the full one."""
        return short if self.short else full

    @cached_property
    def tiny(self) -> Path:
        """A random Llama of three blocks."""
        return write_tiny_llama(self.source, self.folder / "tiny", d_model=32)

    def cache(self) -> Path:
        """A new cache with models and data, and nothing else."""
        return beside(self.source, Path(mkdtemp(prefix="cache-", dir=self.folder)))

    def copy(self, cache: Path) -> Path:
        """A cache with the same runs, of which nothing is written into the first."""
        folder = Path(mkdtemp(prefix="copy-", dir=self.folder)) / "cache"
        return Path(shutil.copytree(cache, folder, symlinks=True))

    def harvest(self, cache: Path, *, n: int = 80, seed: int = 0) -> list[object]:
        """The arguments of a harvest of the tiny model: twice as many answers as questions, blocks of 32."""
        asked = ["--model", self.tiny, "--data", "movie-reviews", "--n", n, "--seed", seed]
        return ["harvest", *asked, "--contrast", "--cache", cache, "--json"]

    @cached_property
    def reference(self) -> Reference:
        """The usual harvest, undisturbed."""
        return self.undisturbed()

    @cached_property
    def longer(self) -> Reference:
        """A harvest that lasts long enough to be disturbed in the middle, undisturbed."""
        return self.undisturbed(n=LONGER)

    def undisturbed(self, **asked: int) -> Reference:
        """A harvest in a cache of its own that meets no fault."""
        cache = self.cache()
        run("runs", "--cache", cache)  # the first process of all waits for the fork server's imports
        ended = run(*self.harvest(cache, **asked))
        name = result(ended)["run"]
        return Reference(cache, name, snapshot(cache, name), ended.seconds)


def result(ended: Ended) -> dict[str, Any]:
    """The object that a command printed.

    Raises:
        RuntimeError: it failed; says how.
    """
    if ended.code not in (0, 1) or not ended.out:
        raise RuntimeError(f"a command ended with {ended.code}: {ended.err.strip()[-500:]}")
    return json.loads(ended.out)


@dataclass(frozen=True)
class Repair:
    """What `telltale doctor --repair` said of the store: what was sound or was mended, and what was not."""

    mended: tuple[str, ...]
    bad: tuple[str, ...]


def repair(cache: Path) -> Repair:
    """Have the doctor find what is wrong with the store, and mend it."""
    report = result(run("doctor", "--repair", "--cache", cache, "--json"))
    checks = [check for check in report["checks"] if check["name"] == "store"]
    mended, bad = ([c["detail"] for c in checks if c["ok"] is ok] for ok in (True, False))
    return Repair(tuple(mended), tuple(f"not mended: {detail}" for detail in bad))


def failure(ended: Ended) -> tuple[str, ...]:
    """How a command that should have worked failed, in a few words; nothing where it worked."""
    if ended.code == 0:
        return ()
    return (f"ended with {ended.code}: {ended.err.strip()[-200:]}",)


def bad_refusal(ended: Ended) -> tuple[str, ...]:
    """How what should be refused in one clear sentence was not; nothing where it was."""
    if ended.refused:
        return ()
    return (f"not refused in one sentence but ended with {ended.code}: {ended.err.strip()[-300:]}",)
