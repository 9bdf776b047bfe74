"""`telltale dashboard`: the app, from wherever it is installed."""

import os
import sys
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from core.errors import TelltaleError


def dashboard(cache: Path, options: Namespace) -> NoReturn:
    """Become the process that serves the app; it is stopped with Ctrl-C.

    `core` knows nothing of the app: it is started as a program. `-P`: the program that is installed, and not
    what the folder that one stands in calls by the same name.

    Raises:
        TelltaleError: the app is not installed.
    """
    if find_spec("dashboard") is None:
        raise TelltaleError("the app is not installed beside core: install the telltale package whole")
    hosts = [word for name in options.host for word in ("--host", name)]
    chosen = ["--port", options.port, "--address", options.address, "--cache", str(cache), *hosts]
    os.execv(sys.executable, [sys.executable, "-P", "-m", "dashboard.serve", *chosen])
