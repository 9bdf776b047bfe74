"""Every fault by its name, and the campaign that injects them one after another."""

from collections.abc import Callable, Iterable, Iterator

from tests.faults.busy_database import busy_database
from tests.faults.damaged_database import damaged_database
from tests.faults.damaged_states import damaged_states
from tests.faults.full_disk import full_disk
from tests.faults.killed_decisions import killed_decisions
from tests.faults.killed_harvest import killed_harvest
from tests.faults.killed_pages import killed_pages
from tests.faults.lost_folder import lost_folder, read_only_cache
from tests.faults.many_sessions import many_sessions
from tests.faults.no_memory import no_memory
from tests.faults.not_finite import not_finite
from tests.faults.other_versions import other_versions
from tests.faults.outcome import Injection
from tests.faults.scene import Scene
from tests.faults.side_by_side import side_by_side
from tests.faults.signals import signals
from tests.faults.soak import soak

FAULTS: dict[str, Callable[[Scene], Iterator[Injection]]] = {
    "killed-harvest": killed_harvest,
    "killed-decisions": killed_decisions,
    "killed-pages": killed_pages,
    "full-disk": full_disk,
    "read-only-cache": read_only_cache,
    "lost-folder": lost_folder,
    "busy-database": busy_database,
    "damaged-states": damaged_states,
    "damaged-database": damaged_database,
    "no-memory": no_memory,
    "not-finite": not_finite,
    "other-versions": other_versions,
    "side-by-side": side_by_side,
    "many-sessions": many_sessions,
    "signals": signals,
    "soak": soak,
}


def injections(scene: Scene, names: Iterable[str]) -> Iterator[Injection]:
    """Inject these faults; one whose injection breaks down counts as lost, and stops no other."""
    for name in names:
        try:
            yield from FAULTS[name](scene)
        except Exception as error:
            yield Injection(name, "the injection broke down", (f"{type(error).__name__}: {error}",))
