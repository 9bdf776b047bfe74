"""Ctrl-C and SIGTERM end a command at its next Python step, with what was written whole."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
SOON = 0.05
"""Seconds after which a signal that was lost is sent again."""


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
    before, ignored = signal.signal(signal.SIGTERM, _stop), sys.unraisablehook
    sys.unraisablehook = lambda unraisable: _send_again(unraisable, ignored)
    try:
        yield
    finally:
        sys.unraisablehook = ignored
        signal.signal(signal.SIGTERM, before)


def _send_again(unraisable: Any, otherwise: Callable[[Any], None]) -> None:
    """Send a signal again that came while Python ran a `__del__`, where it ignores every exception."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        otherwise(unraisable)
        return
    number = getattr(unraisable.exc_value, "code", INTERRUPTED) - 128
    again = threading.Timer(SOON, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(code=128 + number)
