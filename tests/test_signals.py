"""Ctrl-C and SIGTERM end a command wherever they come, also where Python ignores what is raised."""

import os
import signal
import subprocess
import sys

import pytest

from core.signals import INTERRUPTED, TERMINATED, Stopped, ending_on_sigterm

LOSES = """
import os, signal, sys, time
from core.signals import Stopped, ending_on_sigterm

class Loses:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        for _ in range(1000):
            pass

try:
    with ending_on_sigterm():
        Loses()
        print("lost", flush=True)
        time.sleep(30)
except KeyboardInterrupt as end:
    sys.exit(getattr(end, "code", 130))
"""


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", TERMINATED), ("SIGINT", INTERRUPTED)])
def test_a_signal_that_comes_during_a_del_is_not_lost(name, code):
    done = subprocess.run(
        [sys.executable, "-c", LOSES.format(name=name)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "lost\n", "the exception was ignored, as Python does in a __del__"
    assert done.returncode == code, done.stderr


def test_sigterm_ends_the_block_and_is_as_before_after_it():
    before = signal.getsignal(signal.SIGTERM), sys.unraisablehook
    with pytest.raises(Stopped) as end, ending_on_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):
            pass
    assert end.value.code == TERMINATED == 143
    assert (signal.getsignal(signal.SIGTERM), sys.unraisablehook) == before
