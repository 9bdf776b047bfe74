"""One task for each layer of a probe: in this process, or over the workers that joblib is given.

A task is handed a layer's number and reads that layer's states itself: they go from where they lie to the
worker that needs them, and only figures come back. Whoever configures joblib decides where tasks run
(`joblib.parallel_config`, with Dask's backend, say); `on_ray` does so for a Ray cluster.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from threadpoolctl import threadpool_limits

from core.errors import StoreError

if TYPE_CHECKING:
    from core.engine.ray_crew import Cluster  # with torch and the harvest, which figures do without

Made = TypeVar("Made")
Task = Callable[[int, Callable[[], bool]], Made]
"""Given a layer and a question, whether somebody asked to stop, it makes what is wanted of that layer."""

_pool: ContextVar[Parallel | None] = ContextVar("pool", default=None)


def is_spread() -> bool:
    """Whether tasks run elsewhere than in this process."""
    return _pool.get() is not None or effective_n_jobs(None) > 1


def over_layers(
    task: Task[Made],
    layers: Sequence[int],
    cancelled: Callable[[], bool],
    before: Callable[[int], None] = lambda _: None,
) -> Iterator[Made]:
    """What the task makes of each layer, in order, made as it is asked for where that is in this process.

    Args:
        cancelled: handed to tasks of this process; elsewhere nobody hears it.
        before: called with a layer before that is waited for: it tells how far things are, and may refuse.

    Raises:
        Exception: whatever a task or `before` raised.
    """
    if not is_spread():
        for layer in layers:
            before(layer)
            yield task(layer, cancelled)
        return
    pool = _pool.get() or Parallel(batch_size=1)
    workers = effective_n_jobs(None)
    for start in range(0, len(layers), workers):
        # As many as there are workers at a time: Ray's backend gives nothing before it has all that it gives.
        together = layers[start : start + workers]
        before(together[0])
        made = pool(delayed(_one_thread)(task, layer) for layer in together)
        for layer, one in zip(together, made, strict=True):
            before(layer)
            yield one


@contextmanager
def on_ray(cluster: "Cluster") -> Iterator[None]:
    """Meanwhile, tasks run on a Ray cluster, whose workers start once, and must see where the states are.

    Raises:
        StoreError: Ray is not installed, the cluster is out of reach, or one worker is asked for.

    Source: Moritz et al. 2018, "Ray: A Distributed Framework for Emerging AI Applications".
    """
    from core.engine.on_ray import connected

    if cluster.workers == 1:
        raise StoreError("1 worker is no faster than none: give two or more, or leave --engine ray out")
    with connected(cluster):
        from ray.util.joblib import register_ray

        register_ray()
        with (
            parallel_config("ray", n_jobs=cluster.workers or -1),
            Parallel(batch_size=1) as pool,
        ):
            token = _pool.set(pool)
            try:
                yield
            finally:
                _pool.reset(token)


def _one_thread(task: Task[Made], layer: int) -> Made:
    with threadpool_limits(1, user_api="blas"):
        return task(layer, _never)


def _never() -> bool:
    return False
