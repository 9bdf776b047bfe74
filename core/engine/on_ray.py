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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from core.engine.harvest import HarvestProgress, HarvestResult, Prepared, tokens_as_begun
from core.engine.ray_crew import Cluster, Crew, last_line
from core.engine.settings import HarvestSettings
from core.engine.storing import begin, commit
from core.errors import StoreError
from core.store.runs import RunStore

PATIENCE = 5.0
"""Seconds in which a cluster's head has to answer."""


def harvest_on_ray(
    settings: HarvestSettings,
    store: RunStore,
    cluster: Cluster,
    *,
    progress: Callable[[HarvestProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    started: Callable[[list[int]], None] = lambda _: None,
    planned: Callable[[Prepared, dict], None] = lambda *_: None,
) -> HarvestResult:
    """Run a harvest on a cluster to its end, or until it is cancelled; what is there is not made again.

    Args:
        started: called with the process ids of the workers as they start.
        planned: called once, with the plan and what is known of the model, before anything is written.

    Raises:
        StoreError: Ray is not installed, the cluster is out of reach or another job writes this run.
        ModelError: a group of questions costs worker after worker, or the model does not load there.
        TelltaleError: see `core.engine.harvest.prepare`.
    """
    began = time.monotonic()
    with connected(cluster) as ray:
        crew = Crew(ray, settings, store.cache, cluster, started)
        prepared, facts = crew.plan()
        run, plan = prepared.run, prepared.plan
        planned(prepared, facts)
        with store.writing(run):
            facts["batch_tokens"] = tokens_as_begun(store, run) or facts["batch_tokens"]
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
def connected(cluster: Cluster) -> Iterator[Any]:
    """Ray, connected to the cluster; a cluster of this machine's own ends with the context.

    Raises:
        StoreError: Ray is not installed, or the cluster is out of reach.
    """
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
            raise StoreError(f"the Ray cluster of {where} cannot be reached: {last_line(error)}") from error
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)  # Ray puts its own in the place of the command's
    try:
        yield ray
    finally:
        if mine:
            ray.shutdown()
