"""How far long work is, on stderr: a bar on a terminal and in a notebook, and elsewhere a line now and then.

A log of a long run therefore says how it goes, and a short one says nothing that a script would have to skip.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tqdm import tqdm

EVERY = 30.0
"""Seconds between two lines, and before the first."""
_hidden: ContextVar[bool] = ContextVar("hidden", default=False)


class ProgressLines:
    """As much of tqdm as commands use, written as whole lines: percent, what, time left.

    Attributes:
        n, total: done and to be done, in `unit`s; `initial`: as of a bar, not needed here.
        every: seconds between two lines.
    """

    def __init__(
        self, total: float, unit: str, clock: Callable[[], float] = time.monotonic, every: float = EVERY
    ) -> None:
        self.total, self.unit, self.n, self.initial, self.every = total, unit, 0.0, 0.0, every
        self._clock, self._what = clock, ""
        self._written = clock()
        self._first: tuple[float, float] | None = None

    def __enter__(self) -> "ProgressLines":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def set_description(self, what: str) -> None:
        """What is being done: said with the next update."""
        self._what = what

    def update(self, more: float) -> None:
        """So much more is done."""
        self.n += more
        if more and self._first is None:  # what was there before counts as done, and not as fast
            self._first = (self._clock(), self.n)
        self._tell()

    def reset(self, total: float | None = None) -> None:
        """Begin again, with another thing to do."""
        self.n, self._first = 0.0, None
        self.total = self.total if total is None else total

    def _tell(self) -> None:
        now = self._clock()
        if now - self._written >= self.every:
            self._written = now
            print(self._line(now), file=sys.stderr, flush=True)

    def _line(self, now: float) -> str:
        parts = [f"{self.n / self.total:.0%}" if self.total else ""]
        if self.unit != "%":
            parts.append(f"{self.n:,.0f} of {self.total:,.0f} {self.unit}s")
        parts.append(self._what)
        if self._first is not None and self.n > self._first[1]:
            began, at = self._first
            parts.append(f"{in_words((self.total - self.n) * (now - began) / (self.n - at))} left")
        return ", ".join(part for part in parts if part)


def in_words(seconds: float) -> str:
    """A duration for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def progress_bar(total: float, unit: str) -> "tqdm | ProgressLines":
    """A bar on stderr, which a notebook keeps when it is done; without a terminal, a line every half minute.

    Nothing where progress is `hidden`.
    """
    if _hidden.get():
        return ProgressLines(total, unit, every=math.inf)
    if in_notebook():
        return tqdm(total=total, unit=unit, file=sys.stderr)
    if sys.stderr is not None and sys.stderr.isatty():
        return tqdm(total=total, unit=unit, file=sys.stderr, leave=False)
    return ProgressLines(total, unit)


def in_notebook() -> bool:
    """Whether this process runs the cells of a notebook."""
    console = sys.modules.get("IPython")
    shell = None if console is None else console.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


@contextmanager
def hidden(hide: bool = True) -> Iterator[None]:
    """Have what is done within show nothing of how far it is."""
    before = _hidden.set(hide)
    try:
        yield
    finally:
        _hidden.reset(before)


@contextmanager
def shown_in_percent() -> Iterator[Callable[[float, str], None]]:
    """A bar from 0 to 100 %; gives what core's long work calls with a fraction and what is being done."""
    with progress_bar(100, "%") as bar:

        def show(fraction: float, what: str) -> None:
            bar.set_description(what)
            bar.update(round(100 * fraction) - bar.n)

        yield show
