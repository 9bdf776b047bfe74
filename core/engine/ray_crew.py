"""The workers of a harvest on a Ray cluster: hired, handed groups, replaced where they are lost.

Nothing here waits for one worker alone: those that are left go on while another starts.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from core.engine.harvest import Prepared
from core.engine.plan import Block
from core.engine.ray_worker import Worker
from core.engine.settings import HarvestSettings
from core.engine.storing import Receipt
from core.errors import ModelError, StoreError
from core.models.shape import half_precision_size

TRIES = 3
"""Workers that a group may cost before it is taken for the cause, or that may die one after another."""
AHEAD = 2
"""Groups that a worker has at a time: the next is there when one is done."""
LOOK_EVERY = 1.0
"""Seconds between two looks at whether somebody asked to stop."""
SHARE = 0.8
"""Of a GPU's memory that a model's weights may take."""


@dataclass(frozen=True)
class Cluster:
    """Which cluster, and how much of it.

    Attributes:
        address: of its head; `auto` for the one that this machine belongs to; None for one of its own.
        workers: how many; None for one for each GPU, or each machine where there are none.
        gpus: of each worker; None for as many as the model's weights need, 0 where the cluster has none.
    """

    address: str | None = None
    workers: int | None = None
    gpus: float | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise StoreError(f"{self.workers} workers: at least one is needed")


@dataclass(frozen=True)
class Group:
    """Blocks that are asked together, and how many workers died at them."""

    blocks: tuple[Block, ...]
    deaths: int = 0

    def after(self, death: BaseException) -> "Group":
        """The group after one more death; raises `ModelError` where it has cost too many."""
        if self.deaths + 1 >= TRIES:
            raise ModelError(
                f"{TRIES} workers died at one group of questions, the last time with: {last_line(death)}"
            ) from death
        return Group(self.blocks, self.deaths + 1)


class Crew:
    """The workers of a harvest: as many as the cluster is to give, each with some groups in hand.

    A worker is idle, has groups in hand, or is starting; one that is lost is replaced while the others go on.
    """

    def __init__(
        self,
        ray: Any,
        settings: HarvestSettings,
        cache: Path,
        cluster: Cluster,
        started: Callable[[list[int]], None],
    ) -> None:
        self.ray, self.settings, self.cache, self.cluster = ray, settings, cache, cluster
        self._started = started
        self._first: Any = None
        self._plan: tuple[Any, int]
        self._idle: deque[Any] = deque()
        self._again: deque[Group] = deque()
        self._in_hand: dict[Any, tuple[Any, Group]] = {}  # in the order in which they were handed out
        self._starting: dict[Any, Any] = {}
        self._stillborn = 0

    def plan(self) -> tuple[Prepared, dict]:
        """The plan as a worker makes it: the driver never loads the model.

        Raises:
            ModelError: the worker dies.
        """
        self._first = self._hire()
        try:
            return self.ray.get(self._first.plan.remote())
        except self._losses as died:
            raise ModelError(f"a worker died while it loaded the model: {last_line(died)}") from died
        except self.ray.exceptions.RayTaskError as failed:
            raise failed.cause from failed

    def work(
        self,
        prepared: Prepared,
        tokens: int,
        todo: Iterator[tuple[Block, ...]],
        there: frozenset[int],
        cancelled: Callable[[], bool],
    ) -> Iterator[tuple[list[int], Receipt]]:
        """Rows and receipts of blocks, in the order in which they are done.

        Raises:
            ModelError: a group costs worker after worker, or they do not start.
        """
        self._plan, present = (self.ray.put(prepared), tokens), self.ray.put(there)
        for worker in (self._first, *(self._hire() for _ in range(self._size() - 1))):
            self._begin(worker)
        while True:
            while self._idle and not cancelled():
                group = self._again.popleft() if self._again else next((Group(b) for b in todo), None)
                if group is None:
                    break
                worker = self._idle.popleft()
                self._in_hand[worker.make.remote(group.blocks, present)] = (worker, group)
            if not self._in_hand and (self._idle or cancelled()):
                return
            waited_for = [*self._in_hand, *self._starting]
            ready, _ = self.ray.wait(waited_for, num_returns=1, timeout=LOOK_EVERY)
            for reference in ready:
                yield from self._take(reference)

    def _take(self, reference: Any) -> list[tuple[list[int], Receipt]]:
        """What a group came to; nothing of a worker that started or was lost."""
        starts = reference in self._starting
        worker = self._starting[reference] if starts else self._in_hand[reference][0]
        try:
            made = self.ray.get(reference)
        except self._losses as died:
            self._replace(worker, died)
            return []
        except self.ray.exceptions.RayTaskError as failed:
            raise failed.cause from failed
        if starts:
            del self._starting[reference]
            self._stillborn = 0
            self._started([made])
            self._idle.extend([worker] * AHEAD)
            return []
        del self._in_hand[reference]
        self._idle.append(worker)
        return made

    def _replace(self, worker: Any, died: BaseException) -> None:
        """Hire another in the place of a worker that is lost, and have its groups done again.

        One that is only out of reach would keep its GPU and write what its replacement writes: it is ended.
        """
        self.ray.kill(worker)
        self._idle = deque(other for other in self._idle if other is not worker)
        starting = {key: other for key, other in self._starting.items() if other is not worker}
        if len(starting) < len(self._starting):
            self._starting = starting
            self._stillborn += 1
            if self._stillborn >= TRIES:
                raise ModelError(
                    f"{TRIES} workers in a row died before they did anything, the last with: "
                    f"{last_line(died)}"
                ) from died
        else:
            mine = [key for key, (other, _) in self._in_hand.items() if other is worker]
            first, *waiting = [self._in_hand.pop(key)[1] for key in mine]
            self._again.extend([first.after(died), *waiting])
        self._begin(self._hire())

    def _hire(self) -> Any:
        actor = self.ray.remote(Worker).options(num_gpus=self._gpus, num_cpus=1)
        return actor.remote(self.settings.to_dict(), str(self.cache))

    def _begin(self, worker: Any) -> None:
        self._starting[worker.begin.remote(*self._plan)] = worker

    @property
    def _losses(self) -> tuple[type[Exception], ...]:
        """What Ray raises where a worker, or what it made, is lost."""
        known = self.ray.exceptions
        return known.RayActorError, known.ObjectLostError, known.OutOfMemoryError

    def _size(self) -> int:
        if self.cluster.workers is not None:
            return self.cluster.workers
        gpus = self.ray.cluster_resources().get("GPU", 0)
        if self._gpus:
            return max(1, int(gpus // self._gpus))
        return sum(node["Alive"] for node in self.ray.nodes())

    @cached_property
    def _gpus(self) -> float:
        """GPUs that one worker needs: enough for the model's weights in half precision.

        Found once, before the first worker is hired: later none may be free to ask for its memory.
        """
        if self.cluster.gpus is not None:
            return self.cluster.gpus
        if not self.ray.cluster_resources().get("GPU", 0):
            return 0
        size = half_precision_size(self.settings.model, self.cache)
        return max(1.0, -(-size // (SHARE * gpu_memory(self.ray))))


def gpu_memory(ray: Any) -> float:
    """Bytes of one GPU, whichever of the cluster's is free first: all are taken to have as many."""

    def look() -> int:
        import torch

        return torch.cuda.get_device_properties(0).total_memory

    return float(ray.get(ray.remote(look).options(num_gpus=1).remote()))


def last_line(error: BaseException) -> str:
    """The last line of an error's text that is not empty, its type's name where there is none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
