"""Two sides in turn, so that whatever else the machine does slows both alike; no speed where they differ."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

from core.errors import TelltaleError

Value = TypeVar("Value")
Side = Callable[[], tuple[float, Any]]
"""Does its work once; returns the seconds that it took and what it made."""


class DisagreementError(TelltaleError):
    """The two sides gave different results: their speeds are not worth comparing."""


@dataclass(frozen=True)
class Seconds:
    """What each repetition took: ours and theirs, in pairs."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times as fast ours is, in each pair."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]


def in_turn(
    ours: Side, theirs: Side, pairs: int, compare: Callable[[Any, Any], None] = lambda ours, theirs: None
) -> Seconds:
    """Both sides, `pairs` times; every other pair begins with theirs.

    Args:
        compare: takes what ours and theirs made; raises where they differ.

    Raises:
        DisagreementError: `compare` did.
    """
    seconds = Seconds([], [])
    for number in range(pairs):
        if number % 2:
            theirs_took, expected = theirs()
            ours_took, found = ours()
        else:
            ours_took, found = ours()
            theirs_took, expected = theirs()
        compare(found, expected)
        seconds.ours.append(ours_took)
        seconds.theirs.append(theirs_took)
    return seconds


def timed(work: Callable[[], Value]) -> tuple[float, Value]:
    """Seconds that some work took, and what it returned."""
    began = perf_counter()
    made = work()
    return perf_counter() - began, made


def spread(values: list[float]) -> tuple[float, float, float]:
    """Median, least, most."""
    return median(values), min(values), max(values)
