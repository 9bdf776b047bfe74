"""Where a command's probes are fitted: in this process, or on a Ray cluster."""

from argparse import Namespace
from contextlib import AbstractContextManager, nullcontext

from core.errors import StoreError


def engine(options: Namespace) -> AbstractContextManager[None]:
    """A context in which `core.probes.spread` runs tasks where `--engine` says.

    Raises:
        StoreError: options that are for a cluster without one, or see `core.probes.spread.on_ray`.
    """
    if options.engine == "ray":
        from core.engine.ray_crew import Cluster
        from core.probes.spread import on_ray

        return on_ray(Cluster(options.address, options.workers))
    if options.address or options.workers:
        raise StoreError("--address and --workers are for --engine ray")
    return nullcontext()
