"""Ctrl-C and SIGTERM: a harvest, the dashboard and a training end by themselves, soon, and can go on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from tests.browser.conftest import ROOT
from tests.faults.outcome import Injection
from tests.faults.processes import ALONE, run
from tests.faults.scene import LONGER, Reference, Scene, failure
from tests.faults.server import Server
from tests.faults.snapshot import broken_promises, committed, differences, snapshot

SIGNALS = {"SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM}
CODES = {"SIGINT": 130, "SIGTERM": 143}
PATIENCE = 60.0
"""Seconds until a process that was asked to end counts as one that does not."""
LOOK = 0.02
LONGEST = 600
"""Characters of where a process hung that are told."""


def signals(scene: Scene) -> Iterator[Injection]:
    """Each signal to each of the three, the real program with an interpreter of its own."""
    expected, times = scene.longer, scene.times(short=1, full=5)
    for name in SIGNALS:
        for number in range(times):
            yield harvest_ends(scene, name, expected, number * 2 * LONGER // times)
        for _ in range(times):
            yield server_ends(scene, name)
        for number in range(scene.times(short=1, full=3)):
            yield training_ends(scene, name, 1.0 + 4.0 * number)


def harvest_ends(scene: Scene, name: str, expected: Reference, answers: int) -> Injection:
    """A harvest is asked to end when so many answers are committed, and goes on afterwards."""
    cache = scene.cache()
    process = start_telltale(scene.harvest(cache, n=LONGER))
    while process.poll() is None and committed(cache) <= answers:
        time.sleep(LOOK)
    seconds, lost = asked_to_end(process, name)
    lost += broken_promises(cache, expected.run, expected.snapshot)
    lost += failure(run(*scene.harvest(cache, n=LONGER)))
    lost = lost or differences(snapshot(cache, expected.run), expected.snapshot)
    return Injection(f"{name} to a harvest", f"after {answers} answers", lost, seconds)


def server_ends(scene: Scene, name: str) -> Injection:
    """The dashboard is asked to end."""
    server = Server(scene.cache())
    code, seconds = server.stop(SIGNALS[name])
    lost = () if code in (0, CODES[name]) else (f"ended with {code}",)
    return Injection(f"{name} to the dashboard", "when it serves", lost, seconds)


def training_ends(scene: Scene, name: str, after: float) -> Injection:
    """A training is asked to end, so long after it wrote its first words or file."""
    cache = scene.cache()
    process = start_telltale(["train-liar", "--quick", "--cache", cache, "--json"])
    while process.poll() is None and not (cache / "liars").is_dir():
        time.sleep(LOOK)
    time.sleep(after)
    seconds, lost = asked_to_end(process, name)
    return Injection(f"{name} to a training", f"{after:.0f} s after it began to write", lost, seconds)


def start_telltale(arguments: list[object]) -> subprocess.Popen:
    """`telltale …` in an interpreter of its own."""
    command = [sys.executable, "-m", "core.cli", *map(str, arguments)]
    environment = os.environ | ALONE | {"PYTHONFAULTHANDLER": "1"}  # where one hangs, it tells where
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def asked_to_end(process: subprocess.Popen, name: str) -> tuple[float, tuple[str, ...]]:
    """Seconds until it ended, and what was wrong with how it did."""
    began = time.monotonic()
    process.send_signal(SIGNALS[name])
    try:
        _, said = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        _, said = process.communicate()
        at = " < ".join(line.strip() for line in said.splitlines() if line.startswith("  File"))
        return PATIENCE, (f"still ran {PATIENCE:.0f} s after the signal, at {at[:LONGEST]}",)
    seconds = time.monotonic() - began
    lines = said.strip().splitlines()
    lost = () if process.returncode == CODES[name] else (f"ended with {process.returncode}",)
    if len(lines) != 1 or not lines[0].startswith("telltale: "):
        lost += (f"said {said.strip()[-200:]!r}",)
    return seconds, lost
