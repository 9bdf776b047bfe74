"""`python -m dashboard.serve`, the end of `make run`: checks port and cache, then becomes Streamlit."""

import os
import socket
import sys
from pathlib import Path

from core.cli import Parser, refuse
from core.errors import StoreError
from core.paths import cache_folder

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "127.0.0.1"


def main() -> int:
    """Serve until stopped; 2 with one line on stderr where port or cache cannot be used."""
    parser = Parser(prog="python -m dashboard.serve", description=__doc__)
    parser.add_argument("--port", default="8501")
    parser.add_argument("--cache")
    chosen = parser.parse_args()
    try:
        cache = cache_folder(chosen.cache)
    except StoreError as error:
        return refuse(error)
    if problem := port_problem(chosen.port):
        return refuse(problem)
    os.environ["TELLTALE_CACHE"] = str(cache)
    os.chdir(ROOT)  # Streamlit reads .streamlit/config.toml where it is started
    print(f"Telltale is on http://{ADDRESS}:{int(chosen.port)} (stop it with Ctrl-C)", flush=True)
    options = {
        "server.address": ADDRESS,
        "server.port": str(int(chosen.port)),
        "server.headless": "true",
        "browser.gatherUsageStats": "false",
    }
    flags = [word for name, value in options.items() for word in (f"--{name}", value)]
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", *flags])


def port_problem(port: str) -> str | None:
    """Why the port cannot be served on; None where it can."""
    if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535):
        return f"{port!r} is not a port: choose PORT= from 1 to 65535"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, int(port)))
        except PermissionError:
            return f"port {port} needs more rights than you have: choose one above 1023 with PORT=…"
        except OSError:
            return f"port {port} is taken: stop what runs there or choose another with PORT=…"
    return None


if __name__ == "__main__":
    sys.exit(main())
