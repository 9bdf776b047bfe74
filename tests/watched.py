"""A process whose sockets are watched: see `watch_sockets/sitecustomize.py`."""

import ipaddress
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WATCHER = ROOT / "tests" / "watch_sockets"


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
