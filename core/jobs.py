"""One background job at a time per process, with progress, cancel and an error that stays to be read."""

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from core.errors import DamagedStates, TelltaleError


@dataclass(frozen=True)
class JobState:
    """How a job stands.

    Attributes:
        fraction: 0 to 1.
        what: what it is doing, for people.
        about: the run that it works on, as soon as that is known.
        result: what the work returned; None until then.
        error: one sentence, where it failed; damaged: whether for states on the disk that are damaged.
    """

    name: str
    fraction: float = 0.0
    what: str = "starting"
    about: str | None = None
    running: bool = True
    cancelled: bool = False
    result: Any = None
    error: str | None = None
    damaged: bool = False


class Job:
    """A handle that the work reports to and that pages read. Every method is safe from any thread."""

    def __init__(self, name: str, gives_way: bool = False) -> None:
        self.gives_way = gives_way
        self._lock = threading.Lock()
        self._state = JobState(name)
        self._cancel = threading.Event()
        self._ended = threading.Event()

    @property
    def state(self) -> JobState:
        """The state now."""
        with self._lock:
            return self._state

    def progress(self, fraction: float, what: str) -> None:
        """Say how far the work is."""
        with self._lock:
            self._state = replace(self._state, fraction=min(1.0, max(0.0, fraction)), what=what)

    def works_on(self, run: str) -> None:
        """Say which run this is about."""
        with self._lock:
            self._state = replace(self._state, about=run)

    def cancel(self) -> None:
        """Ask the work to stop at its next safe place."""
        self._cancel.set()

    def cancelled(self) -> bool:
        """Whether somebody asked it to stop."""
        return self._cancel.is_set()

    def wait(self, seconds: float | None = None) -> JobState:
        """Wait until the job ends, or for so long."""
        self._ended.wait(seconds)
        return self.state

    def run(self, work: Callable[["Job"], Any]) -> None:
        """Do the work in this thread and keep its outcome."""
        result, error, damaged = None, None, False
        try:
            result = work(self)
        except TelltaleError as refused:
            error, damaged = str(refused), isinstance(refused, DamagedStates)
        except Exception as broken:
            traceback.print_exc()
            error = f"{type(broken).__name__}: {broken}"
        with self._lock:
            self._state = replace(
                self._state,
                running=False,
                cancelled=self.cancelled(),
                result=result,
                error=error,
                damaged=damaged,
            )
        self._ended.set()


class Jobs:
    """The jobs of one process: at most one runs, the last of each name is kept."""

    def __init__(self, patience: float = 10.0) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._patience = patience

    def start(self, name: str, work: Callable[[Job], Any], *, gives_way: bool = False) -> Job:
        """Start work in the background.

        Args:
            gives_way: nobody asked for it in person; it is cancelled when somebody asks for something else.

        Raises:
            TelltaleError: another job is running; names it.
        """
        with self._lock:
            if (busy := self.running()) is not None:
                if busy.gives_way and not gives_way:
                    busy.cancel()
                    busy.wait(self._patience)
                if busy.state.running:
                    raise TelltaleError(f"{busy.state.name} is still running: wait for it or cancel it")
            job = self._jobs[name] = Job(name, gives_way)
        threading.Thread(target=job.run, args=(work,), name=name, daemon=True).start()
        return job

    def running(self) -> Job | None:
        """The job that runs now."""
        return next((job for job in list(self._jobs.values()) if job.state.running), None)

    def get(self, name: str) -> Job | None:
        """The last job of that name, running or ended."""
        return self._jobs.get(name)


JOBS = Jobs()
