"""Ctrl-C and SIGTERM end a command at its next Python step, with what was written whole."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


class Stopped(KeyboardInterrupt):
    """Somebody asked the command to end.

    Attributes:
        code: what the process exits with: 128 + the signal's number, as shells have it.
    """

    def __init__(self, told: str = "interrupted; what is committed is kept", code: int = INTERRUPTED) -> None:
        super().__init__(told)
        self.code = code


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Have SIGTERM, which schedulers send, end the command as Ctrl-C does; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(code=128 + number)
