"""The large packages behind answers and probes, torch among them: imported once per process, by one thread.

The first page is drawn without them; a thread imports them once a browser has it. Whoever wants them sooner
waits for that thread: two that import packages of many circular imports at once can each see the other's
half made.
"""

import importlib
import threading
from collections.abc import Callable

LARGE = (
    "core.engine.harvest",
    "core.probes.of_run",
    "core.scoring",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "peft",
    "zarr",
)
THREAD = "importing large packages"
_lock = threading.Lock()
_imported, _begun = threading.Event(), threading.Event()


def ready() -> bool:
    """Whether they are imported."""
    return _imported.is_set()


def need() -> None:
    """Return when they are imported; imports them where no other thread does.

    Raises:
        ImportError: one is missing or broken.
    """
    with _lock:
        if not ready():
            for name in LARGE:
                importlib.import_module(name)
            _imported.set()


def import_in_background(then: Callable[[], None]) -> None:
    """Import them in a thread and do there what had better come after them; the first call alone does."""

    def work() -> None:
        need()
        then()

    if not _begun.is_set():
        _begun.set()
        threading.Thread(target=work, name=THREAD, daemon=True).start()
