"""The end of `make run` and of `telltale dashboard`: checks where to serve, then becomes Streamlit."""

import errno
import os
import secrets
import socket
import sys
from pathlib import Path

import psutil

from core.cli import Parser, refuse
from core.errors import StoreError
from core.paths import cache_folder
from dashboard.gate import PASSWORD, is_loopback, password_problem

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "127.0.0.1"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")
PORT, AT = "with --port (of make run: PORT=…)", "with --address (of make run: ADDRESS=…)"
"""How the two are chosen."""
TO_OTHERS = """\
telltale: {address} can be reached from other machines. Nothing on the way is encrypted: serve it so in a
network that you trust, or leave it on 127.0.0.1 and come by `ssh -L {port}:127.0.0.1:{port}`. Each browser
is asked for {secret}"""


def main() -> int:
    """Serve until stopped; 2 with one line on stderr where address, port or cache cannot be used."""
    parser = Parser(prog="python -m dashboard.serve", description=__doc__)
    parser.add_argument("--port", default="8501")
    parser.add_argument("--cache")
    parser.add_argument("--address", default=ADDRESS, help="another one asks each browser for a password")
    parser.add_argument("--host", action="append", default=[], help="a further name that browsers call it by")
    chosen = parser.parse_args()
    try:
        cache = cache_folder(chosen.cache)
    except StoreError as error:
        return refuse(error)
    password = os.environ.get(PASSWORD)
    if problem := port_problem(chosen.port, chosen.address) or (password and password_problem(password)):
        return refuse(problem)
    os.environ["TELLTALE_CACHE"] = str(cache)
    os.chdir(ROOT)  # Streamlit reads .streamlit/config.toml where it is started
    names, port = reached_as(chosen.address), int(chosen.port)
    if not is_loopback(chosen.address):
        secret = f"the password in {PASSWORD}." if password else "the token below."
        print(TO_OTHERS.format(address=chosen.address, port=port, secret=secret), file=sys.stderr, flush=True)
        os.environ[PASSWORD] = password or secrets.token_urlsafe(24)
    print(f"Telltale is on http://{in_address(names[0])}:{port} (stop it with Ctrl-C)", flush=True)
    if os.environ.get(PASSWORD) != password:
        print(f"Token: {os.environ[PASSWORD]}", flush=True)
    options = {
        "server.address": chosen.address,
        "server.port": str(port),
        "server.headless": "true",
        "server.enableXsrfProtection": "true",
        "server.enableCORS": "true",
        "browser.gatherUsageStats": "false",
    }
    flags = [word for name, value in options.items() for word in (f"--{name}", value)]
    allowed = dict.fromkeys((*LOOPBACK, *names, *chosen.host))
    flags += [word for name in allowed for word in ("--server.allowedHosts", name)]
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", *flags])


def reached_as(address: str) -> list[str]:
    """What a browser may call an address: itself, or for all addresses this machine's own and its name."""
    if address not in EVERYWHERE:
        return [address]
    families = (socket.AF_INET,) if address == "0.0.0.0" else (socket.AF_INET, socket.AF_INET6)
    entries = [entry for found in psutil.net_if_addrs().values() for entry in found]
    own = [entry.address.split("%")[0] for entry in entries if entry.family in families]
    return sorted([*own, socket.gethostname()], key=is_loopback)


def in_address(host: str) -> str:
    """A host as it stands in an address."""
    return f"[{host}]" if ":" in host else host


def port_problem(port: str, address: str = ADDRESS) -> str | None:
    """Why the port cannot be served on at that address; None where it can."""
    if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535):
        return f"{port!r} is not a port: choose one from 1 to 65535 {PORT}"
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(address, int(port), type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        return f"{address!r} is not an address: choose one of this machine's {AT}, or leave it out"
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
        except PermissionError:
            return f"port {port} needs more rights than you have: choose one above 1023 {PORT}"
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                return f"{address!r} is no address of this machine: choose one of its own {AT}"
            return f"port {port} is taken: stop what runs there or choose another {PORT}"
    return None


if __name__ == "__main__":
    sys.exit(main())
