"""The one separate process that UMAP runs in, so that neither its import nor its fits block the app.

A pool of its own: joblib's shared one is resized and replaced by whoever calls `Parallel`. The worker imports
this file alone, never the app's main module, torch or a model.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from joblib.externals.loky import ProcessPoolExecutor

from core.errors import Cancelled, ProjectionError

IDLE_SECONDS = 600
COURTESY = 10
# Epochs and learning rate. Small steps follow the layer before: on 400 answers, layers 8 to 21, points moved
# 0.25 between layers against 0.39 for fits of their own, and kept their neighbours as well (trustworthiness
# 0.88 against 0.87).
AFRESH = (200, 1.0)
FOLLOWING = (100, 0.05)
_lock = threading.Lock()
_pool: Any = None
_warm: Any = None
_idle_since = 0.0
_leaves = False


def embed(
    points: np.ndarray,
    start: np.ndarray,
    n_neighbors: int,
    min_dist: float,
    seed: int,
    steps: tuple[int, float] = AFRESH,
) -> np.ndarray:
    """UMAP of points (n, features) that begins at `start` (n, dimensions); runs in the worker.

    Args:
        steps: epochs and learning rate.

    Neighbours are exact: UMAP's own approximate search takes a minute to compile, more than it saves here.
    Source: McInnes, Healy and Melville 2018.
    """
    import warnings

    from sklearn.neighbors import NearestNeighbors
    from tqdm import tqdm
    from umap import UMAP

    tqdm.set_lock(threading.RLock())  # its own is shared between processes: a killed worker leaves it behind
    k = min(n_neighbors, len(points) - 1)
    distances, neighbours = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points).kneighbors(points)
    model = UMAP(
        n_components=start.shape[1],
        n_neighbors=k,
        min_dist=min_dist,
        init=start,
        n_epochs=steps[0],
        learning_rate=steps[1],
        random_state=seed,
        n_jobs=1,
        precomputed_knn=(neighbours, distances.astype(np.float32), None),
    )
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # it warns that new points cannot be placed later, which nobody asks for
        return np.asarray(model.fit_transform(points), dtype=np.float32)


def submit(work: Callable[..., Any], *arguments: Any) -> Any:
    """A future of work done in the worker, which is started where it is not running."""
    global _leaves
    with _lock:
        try:
            future = (_pool or _new_pool()).submit(work, *arguments)
        except RuntimeError:  # the worker died while it had nothing to do
            future = _new_pool().submit(work, *arguments)
        future.add_done_callback(_note_idle)
        if not _leaves:
            # The hook in which joblib waits for its workers; the last registered is the first called, so that
            # nobody who stops the app waits for a layer. Ordinary exit handlers come too late.
            getattr(threading, "_register_atexit", lambda _: None)(abandon)
            _leaves = True
        return future


def _note_idle(_: Any) -> None:
    global _idle_since
    _idle_since = time.monotonic()


def _new_pool() -> Any:
    global _pool
    _pool = ProcessPoolExecutor(
        max_workers=1, timeout=IDLE_SECONDS, initializer=_serve, initargs=(os.getpid(),)
    )
    return _pool


def _serve(parent: int) -> None:
    """In the worker: give way to what else runs, such as a harvest, and end when the app is gone."""
    os.nice(COURTESY)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def warm_up() -> None:
    """Let the worker import and compile UMAP in the background before it is wanted: 8 s of processor time.

    Where that is done already nothing happens, unless the worker has failed or ended idle since.
    """
    global _warm
    gone = _warm is None or (
        _warm.done() and (_warm.exception() is not None or time.monotonic() - _idle_since > IDLE_SECONDS)
    )
    if gone:
        points = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
        _warm = submit(embed, points, points[:, :2].copy(), 15, 0.1, 0, (2, 1.0))


def abandon() -> None:
    """Kill the worker with whatever it is at; the next call starts another."""
    global _pool, _warm
    with _lock:
        pool, _pool, _warm = _pool, None, None
    if pool is not None:
        pool.shutdown(wait=True, kill_workers=True)


def result_of(future: Any, cancelled: Callable[[], bool]) -> Any:
    """Wait for the worker's result.

    Raises:
        Cancelled: `cancelled` said so; the worker is killed.
        ProjectionError: the worker failed or died.
    """
    while True:
        try:
            return future.result(timeout=0.1)
        except TimeoutError:
            if cancelled():
                abandon()
                raise Cancelled("the projection was cancelled: finished layers are kept") from None
        except Exception as broken:
            abandon()
            raise ProjectionError(
                f"the UMAP process failed ({type(broken).__name__}: {broken}): use PCA, or fewer answers"
            ) from broken
