"""Processes of the real program: each a fork of one that has imported everything, and begins in milliseconds.

What runs in them is `core.cli.main` with the arguments that a person would type, or a function of `child`.
"""

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import forkserver
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.faults.child import run_command, run_work

ALONE = {"OMP_NUM_THREADS": "1", "TELLTALE_THREADS": "1", "HF_HUB_OFFLINE": "1"}
"""One thread each: a fork of a process that has several would hang."""
LONGEST = 300.0
"""Seconds until a process counts as hanging."""


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or minus a signal's number, and what it printed."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def refused(self) -> bool:
        """Whether it ended as anything refused does: exit code 2, and on stderr this program's words alone.

        A warning may come before the one line that says why.
        """
        lines = self.err.strip().splitlines()
        ours = bool(lines) and all(line.startswith("telltale: ") for line in lines)
        return self.code == 2 and ours and not self.out


class Running:
    """A process of the program that was started here."""

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="telltale-process-"))
        self._began = time.monotonic()
        self._ended: Ended | None = None
        self._process = _context().Process(target=target, args=(self._folder, *arguments), daemon=True)
        with _plain_main():
            self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.is_alive()

    @property
    def printed(self) -> str:
        """What it has written to its standard output so far."""
        return self._read("out")

    def send(self, number: int) -> None:
        """Send a signal; one that has ended gets none."""
        if self.alive:
            os.kill(self.pid, number)

    def killed(self) -> Ended:
        """`kill -9` now, and how it ended: by that, or by itself just before."""
        self.send(signal.SIGKILL)
        return self.wait()

    def wait(self, seconds: float = LONGEST) -> Ended:
        """How it ended.

        Raises:
            TimeoutError: it still ran after so many seconds; it is killed.
        """
        if self._ended is not None:
            return self._ended
        self._process.join(seconds)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
            raise TimeoutError(f"a process still ran after {seconds:.0f} s: {self._read('err')[-500:]}")
        took = time.monotonic() - self._began
        self._ended = Ended(self._process.exitcode, self.printed, self._read("err"), took)
        shutil.rmtree(self._folder)
        return self._ended

    def _read(self, name: str) -> str:
        path = self._folder / name
        return path.read_text() if path.is_file() else ""


def start(*arguments: object, prepare: Callable[[], None] | None = None) -> Running:
    """Start `telltale …`.

    Args:
        prepare: what the process does to itself first; it must be importable.
    """
    return Running(run_command, list(map(str, arguments)), prepare)


def run(*arguments: object, prepare: Callable[[], None] | None = None) -> Ended:
    """Start `telltale …` and wait for its end."""
    return start(*arguments, prepare=prepare).wait()


def start_work(work: Callable[..., None], *arguments: Any) -> Running:
    """Start a function of the tests in a process like the program's."""
    return Running(run_work, work, arguments)


@contextmanager
def _plain_main() -> Iterator[None]:
    """No main module for a moment: a new process would run it, and Streamlit's tests leave a page there."""
    before, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


@lru_cache
def _context() -> Any:
    """The fork server, with an environment in which nothing that it imports starts threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.preload"])
    before = dict(os.environ)
    os.environ.update(ALONE)
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return context
