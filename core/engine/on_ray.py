"""A harvest over the machines and GPUs of a Ray cluster.

Each worker loads the model once, takes groups of blocks that share a prefix, and writes their states straight
into the run's folder, which all machines have to see under one path. The driver alone touches the database:
it gets rows and receipts, and commits a block when its states are on disk. A worker that dies is replaced and
its groups are done again; a driver that dies goes on as any harvest does.

Source: Moritz et al. 2018, "Ray: A Distributed Framework for Emerging AI Applications".
"""

import logging
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.engine.harvest import (
    HarvestProgress,
    HarvestResult,
    Prepared,
    describe,
    prepare,
    tokens_at_once,
)
from core.engine.plan import Block
from core.engine.settings import HarvestSettings
from core.engine.storing import Receipt, begin, commit, write_states
from core.errors import ModelError, StoreError
from core.models.shape import half_precision_size
from core.store.runs import RunStore

TRIES = 3
"""Workers that a group may cost before it is taken for the cause."""
AHEAD = 2
"""Groups that a worker has at a time: the next is there when one is done."""
LOOK_EVERY = 1.0
PATIENCE = 5.0
"""Seconds in which a cluster's head has to answer."""
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


class Worker:
    """A model, loaded once, and a plan: what a Ray actor holds.

    Args:
        cache: the folder that models, data and runs are in, as all machines see it.
    """

    def __init__(self, settings: dict, cache: str) -> None:
        from core.models.loading import load_model

        self.settings, self.cache = HarvestSettings.from_dict(settings), Path(cache)
        self.loaded = load_model(self.settings.model, self.cache)
        self.store = RunStore(self.cache)
        self._worker: Any = None
        self._run = ""

    def plan(self) -> tuple[Prepared, dict]:
        """The harvest ready to run, and what every view needs to know of it."""
        prepared = prepare(self.settings, self.loaded, self.cache)
        tokens = tokens_at_once(prepared, self.loaded, self.store)
        return prepared, describe(prepared, self.loaded) | {"batch_tokens": tokens}

    def begin(self, prepared: Prepared, tokens: int) -> int:
        """Take the plan; gives the id of this worker's process."""
        self._run, self._worker = prepared.run, prepared.worker(self.loaded, tokens)
        return os.getpid()

    def make(self, blocks: tuple[Block, ...], there: frozenset[int]) -> list[tuple[list[int], Receipt]]:
        """Answer a group and write what is not there yet; rows and receipt of each block that was not."""
        made = []
        for block, generated in zip(blocks, self._worker.generate(blocks), strict=True):
            rows = [item.row for item in block.items]
            if not there.issuperset(rows):
                receipt = Receipt.of(self._worker, block, generated)
                write_states(self.store, self._run, self._worker, block, generated)
                made.append((rows, receipt))
        return made


def harvest_on_ray(
    settings: HarvestSettings,
    store: RunStore,
    cluster: Cluster,
    *,
    progress: Callable[[HarvestProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    started: Callable[[list[int]], None] = lambda _: None,
) -> HarvestResult:
    """Run a harvest on a cluster to its end, or until it is cancelled; what is there is not made again.

    Args:
        started: called with the process ids of the workers as they start.

    Raises:
        StoreError: Ray is not installed, the cluster is out of reach or another job writes this run.
        ModelError: a group of questions costs worker after worker, or the model does not load there.
        TelltaleError: see `core.engine.harvest.prepare`.
    """
    began = time.monotonic()
    with _connected(cluster) as ray:
        crew = Crew(ray, settings, store.cache, cluster, started)
        prepared, facts = crew.plan()
        run, plan = prepared.run, prepared.plan
        with store.writing(run):
            done = begin(store, run, plan, facts)
            before = len(done)

            def tell() -> None:
                seconds = time.monotonic() - began
                progress(HarvestProgress(len(done), plan.answers, len(done) - before, seconds))

            tell()
            if before < plan.answers:
                there = frozenset(done)
                todo = (
                    blocks
                    for blocks in plan.groups()
                    if any(item.row not in there for block in blocks for item in block.items)
                )
                for rows, receipt in crew.work(prepared, facts["batch_tokens"], todo, there, cancelled):
                    commit(store, run, receipt)
                    done.update(rows)
                    tell()
            complete = len(done) >= plan.answers
            if complete and not store.run(run).complete:
                store.finish(run)
    seconds = time.monotonic() - began
    return HarvestResult(run, len(done), seconds, len(done) - before, before > 0, complete)


@dataclass(frozen=True)
class Group:
    """Blocks that are asked together, and how many workers died at them."""

    blocks: tuple[Block, ...]
    deaths: int = 0

    def after(self, death: BaseException) -> "Group":
        """The group after one more death; raises `ModelError` where it has cost too many."""
        if self.deaths + 1 >= TRIES:
            raise ModelError(
                f"{TRIES} workers died at one group of questions, the last time with: {_last_line(death)}"
            ) from death
        return Group(self.blocks, self.deaths + 1)


class Crew:
    """The workers of a harvest: as many as the cluster is to give, each with some groups in hand."""

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

    def plan(self) -> tuple[Prepared, dict]:
        """The plan as a worker makes it: the driver never loads the model."""
        self._first = self._hire()
        return self._result(self._first.plan.remote())

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
            ModelError: see `harvest_on_ray`.
        """
        shared, present = self.ray.put(prepared), self.ray.put(there)
        workers = [self._first, *(self._hire() for _ in range(self._size() - 1))]
        self._begin(workers, shared, tokens)
        idle = deque(workers * AHEAD)
        again: deque[Group] = deque()
        in_hand: dict[Any, tuple[Any, Group]] = {}  # in the order in which they were handed out
        while True:
            while idle and not cancelled():
                group = again.popleft() if again else next((Group(blocks) for blocks in todo), None)
                if group is None:
                    break
                worker = idle.popleft()
                in_hand[worker.make.remote(group.blocks, present)] = (worker, group)
            if not in_hand:
                return
            ready, _ = self.ray.wait(list(in_hand), num_returns=1, timeout=LOOK_EVERY)
            for reference in ready:
                worker = in_hand[reference][0]
                try:
                    made = self.ray.get(reference)
                except self.ray.exceptions.RayActorError as died:
                    mine = [key for key, (other, _) in in_hand.items() if other is worker]
                    first, *waiting = [in_hand.pop(key)[1] for key in mine]
                    again.extend([first.after(died), *waiting])
                    idle = deque(other for other in idle if other is not worker)
                    replacement = self._hire()
                    self._begin([replacement], shared, tokens)
                    idle.extend([replacement] * AHEAD)
                    continue
                except self.ray.exceptions.RayTaskError as failed:
                    raise failed.cause from failed
                del in_hand[reference]
                idle.append(worker)
                yield from made

    def _hire(self) -> Any:
        actor = self.ray.remote(Worker).options(num_gpus=self._gpus(), num_cpus=1)
        return actor.remote(self.settings.to_dict(), str(self.cache))

    def _begin(self, workers: list[Any], shared: Any, tokens: int) -> None:
        self._started([self._result(worker.begin.remote(shared, tokens)) for worker in workers])

    def _result(self, reference: Any) -> Any:
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayActorError as died:
            raise ModelError(f"a worker died while it loaded the model: {_last_line(died)}") from died
        except self.ray.exceptions.RayTaskError as failed:
            raise failed.cause from failed

    def _size(self) -> int:
        if self.cluster.workers is not None:
            return self.cluster.workers
        gpus = self.ray.cluster_resources().get("GPU", 0)
        each = self._gpus()
        return max(1, int(gpus // each) if each else len(self.ray.nodes()))

    def _gpus(self) -> float:
        """GPUs that one worker needs: enough for the model's weights in half precision."""
        if self.cluster.gpus is not None:
            return self.cluster.gpus
        if not self.ray.cluster_resources().get("GPU", 0):
            return 0
        size = half_precision_size(self.settings.model, self.cache)
        return max(1.0, -(-size // (SHARE * _gpu_memory(self.ray))))


def check_reachable(address: str | None) -> None:
    """Knock at a cluster's head: Ray itself tries for minutes.

    Raises:
        OSError, ValueError: nobody answers, or it is no address.
    """
    if address is None or address in ("auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{address!r} is no address: write HOST:PORT, or auto")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE):
        pass


@contextmanager
def _connected(cluster: Cluster) -> Iterator[Any]:
    """Ray, connected to the cluster; a cluster of this machine's own ends with the harvest."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise StoreError("--engine ray needs Ray: `pip install 'telltale[ray]'`") from error
    mine = not ray.is_initialized()
    if mine:
        on_sigterm = signal.getsignal(signal.SIGTERM)
        try:
            check_reachable(cluster.address)
            ray.init(
                address=cluster.address or "local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                num_cpus=None if cluster.address else max(cluster.workers or 1, os.cpu_count() or 1),
            )
        except (OSError, ValueError, RuntimeError) as error:
            where = cluster.address or "this machine"
            raise StoreError(f"the Ray cluster of {where} cannot be reached: {_last_line(error)}") from error
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)  # Ray puts its own in the place of the command's
    try:
        yield ray
    finally:
        if mine:
            ray.shutdown()


def _gpu_memory(ray: Any) -> float:
    """Bytes of the cluster's smallest GPU, as a task on a machine with one finds it."""

    def look() -> int:
        import torch

        return torch.cuda.get_device_properties(0).total_memory

    return float(ray.get(ray.remote(look).options(num_gpus=1).remote()))


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
