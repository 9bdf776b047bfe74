"""Nothing leaves this machine: every socket of the program is watched, and every request of the browser.

Watched is what Python's own sockets do, in the process and in those that it starts; the hub is not told to be
offline, so that what is local has to be enough by itself.
"""

import ipaddress
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.store.runs import RunStore
from tests.browser.conftest import ROOT, SLOW, go, start_app
from tests.conftest import beside

WATCHER = Path(__file__).parents[1] / "watch_sockets"
TO_OTHERS = """
import socket, sys
from multiprocessing import get_context

def reach():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.7", 9))
    socket.getaddrinfo("192.0.2.8", 80, flags=socket.AI_NUMERICHOST)

if __name__ == "__main__":
    child = get_context("spawn").Process(target=reach)
    child.start()
    child.join()
"""
"""In a child: a datagram socket that is connected and a numeric name send nothing."""
COMMANDS = """
import sys
from core.cli import main
from pathlib import Path
from core.store.runs import RunStore

folder, model = sys.argv[1:]
asked = ["--model", model, "--data", "movie-reviews", "--n", "40", "--position", "prompt"]
assert main(["harvest", *asked, "--cache", folder]) == 0
run = RunStore(Path(folder)).runs()[0].run
assert main(["probe", run, "--test", "honest", "--permutations", "2", "--cache", folder]) == 0
main(["doctor", "--cache", folder])
"""
PAGES = ("Elicit", "Prune", "Projection", "Probes", "Tokens", "Statements")


def is_here(where) -> bool:
    """Whether an address or a name is this machine's own: of a loopback, or a file's."""
    host = where[0] if isinstance(where, list) else where
    if host in (None, "", "localhost") or str(host).startswith(("/", "\0")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Watched:
    """What a process is given to be watched, and where it went."""

    def __init__(self, told: Path) -> None:
        self.told = told
        self.variables = {"PYTHONPATH": str(WATCHER), "TELLTALE_SOCKETS": str(told), "HF_HUB_OFFLINE": "0"}

    def run(self, *command: object) -> None:
        """Run Python in a process of its own."""
        done = subprocess.run(
            [sys.executable, *map(str, command)],
            env=os.environ | self.variables,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    def elsewhere(self) -> list[dict]:
        """All that was meant for other machines; fails where no process was watched."""
        lines = [json.loads(line) for line in self.told.read_text().splitlines()]
        assert lines[0]["event"] == "begun"
        return [line for line in lines if not is_here(line["where"])]


def test_the_watcher_sees_a_child_that_reaches_out(tmp_path):
    watched = Watched(tmp_path / "sockets")
    (tmp_path / "reach.py").write_text(TO_OTHERS)
    watched.run(tmp_path / "reach.py")
    assert [line["event"] for line in watched.elsewhere()] == ["socket.connect", "socket.getaddrinfo"]


@pytest.fixture(scope="module")
def used(cache, tiny, tmp_path_factory):
    """A cache in which a watched process harvested, fitted a probe and called the doctor; and its watch."""
    folder = beside(cache, tmp_path_factory.mktemp("network"))
    watched = Watched(folder / "sockets")
    watched.run("-c", COMMANDS, folder, tiny)
    return folder, watched


def test_a_harvest_a_probe_and_the_doctor_reach_out_to_nobody(used):
    folder, watched = used
    assert RunStore(folder).runs()[0].complete
    assert watched.elsewhere() == []


def test_the_served_app_and_its_browser_reach_out_to_nobody(used, chromium, tmp_path):
    watched = Watched(tmp_path / "sockets")
    server, address = start_app(used[0], tmp_path / "app.log", **watched.variables)
    context = chromium.new_context()
    sent = []
    context.on("request", lambda request: sent.append(request.url))
    page = context.new_page()
    page.on("websocket", lambda socket: sent.append(socket.url.replace("ws", "http", 1)))
    page.goto(address)
    page.get_by_text("GB free").wait_for(timeout=SLOW)
    for name in PAGES:
        go(page, name)
    context.close()
    server.terminate()
    server.wait(20)
    assert f"{address}/_stcore/stream" in sent
    assert [url for url in sent if not url.startswith((f"{address}/", "data:", "blob:"))] == []
    assert watched.elsewhere() == []
