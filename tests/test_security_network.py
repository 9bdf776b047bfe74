"""Nothing leaves this machine: every socket of the program is watched.

Watched is what Python's own sockets do, in the process and in those that it starts; the hub is not told to be
offline, so that what is local has to be enough by itself. The served app is watched in
`tests/browser/test_security_hostile.py`.
"""

import pytest

from core.store.runs import RunStore
from tests.conftest import beside
from tests.watched import Watched

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
