"""The dashboard's server as `make run` starts it, to be killed, stopped and watched."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

from tests.browser.conftest import ROOT, free_port
from tests.faults.processes import ALONE

PATIENCE = 120.0
"""Seconds until a server that does not answer counts as broken."""


class Server:
    """One server of a cache folder. It keeps its port when it is started again.

    Args:
        variables: of its environment, besides.
    """

    def __init__(self, cache: Path, **variables: str) -> None:
        self.cache, self.port, self._variables = cache, free_port(), variables
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            RuntimeError: it ended or does not answer; with what it printed last.
        """
        log = self.cache / "server.log"
        command = [sys.executable, "-m", "dashboard.serve", "--port", str(self.port), "--cache", self.cache]
        with log.open("a") as out:
            self.process = subprocess.Popen(
                list(map(str, command)),
                cwd=ROOT,
                env=os.environ | ALONE | self._variables,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < until:
            if self.answers():
                return
            time.sleep(0.2)
        self.process.kill()
        raise RuntimeError(f"the dashboard does not answer: {log.read_text()[-500:]}")

    def answers(self) -> bool:
        """Whether its health page does."""
        try:
            urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=2).read()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int | None, float]:
        """Send a signal; gives exit code and seconds until it ended, no code where it had to be killed."""
        began = time.monotonic()
        self.process.send_signal(number)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            return None, PATIENCE
        return code, time.monotonic() - began

    @property
    def memory(self) -> int:
        """Bytes that it holds in memory."""
        return psutil.Process(self.process.pid).memory_info().rss

    @property
    def open_files(self) -> int:
        """Files and sockets that it has open."""
        return psutil.Process(self.process.pid).num_fds()
