"""Where the time of a harvest goes: an operator table, beside that of a padded batch."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.bench import Bench
from benchmarks.sides import BATCH, Read, harvested, make_task, padded_batches

TOP = 12


@dataclass(frozen=True)
class Operator:
    """One of PyTorch's operators: its share of the time, without what it calls, and how often it ran."""

    name: str
    share: float
    calls: int


@dataclass(frozen=True)
class Profile:
    """Where the time of one side went.

    Attributes:
        seconds: the profiler's own cost included.
        operators: those that took most, the largest first.
        outside: share spent in no operator: Python, tokenising, the store, the database.
    """

    side: str
    seconds: float
    operators: list[Operator]
    outside: float

    def to_dict(self) -> dict:
        """Plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict) -> "Profile":
        """The profile that `to_dict` wrote."""
        return Profile(**values | {"operators": [Operator(**each) for each in values["operators"]]})


def profiles(bench: Bench, shots: int = 0) -> list[Profile]:
    """The padded batch and the harvest, each over the same 32 prompts, after a round that warms up."""
    task = make_task(bench, shots, questions=BATCH // 2)
    return [
        profiled("generate on one padded batch of 32", partial(padded_batches(bench.loaded), task.prompts)),
        profiled("harvest of the same 32 prompts", partial(harvested, task, bench)),
    ]


def profiled(side: str, work: Callable[[], tuple[float, Read]]) -> Profile:
    """The operators of one side, by their time on the GPU where there is one."""
    work()
    activities, clock = [ProfilerActivity.CPU], "self_cpu_time_total"
    if torch.cuda.is_available():
        activities, clock = [*activities, ProfilerActivity.CUDA], "self_device_time_total"
    with profile(activities=activities) as profiler:
        seconds, _ = work()
    found = [
        Operator(event.key, getattr(event, clock) / 1e6 / seconds, event.count)
        for event in profiler.key_averages()
    ]
    found.sort(key=lambda operator: -operator.share)
    return Profile(side, seconds, found[:TOP], max(0.0, 1 - sum(operator.share for operator in found)))
