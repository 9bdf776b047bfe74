"""What `make run` promises before anything is served: refusals in one line, a second start without pip."""

import ast
import re
import socket
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def serve(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "dashboard.serve", *arguments], cwd=ROOT, capture_output=True, text=True
    )


def refused(ended):
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    return ended.stderr


def test_a_taken_port_is_refused(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refused(serve("--port", str(port), "--cache", str(tmp_path)))
    assert message == (
        f"telltale: port {port} is taken: stop what runs there or choose another with --port (of make run: "
        "PORT=…)\n"
    )


@pytest.mark.parametrize("port", ["0", "65536", "web", "²"])
def test_what_is_no_port_is_refused(tmp_path, port):
    assert "is not a port" in refused(serve("--port", port, "--cache", str(tmp_path)))


def test_an_unusable_cache_is_refused(tmp_path):
    (tmp_path / "file").touch()
    assert "cannot be made" in refused(serve("--port", "0", "--cache", str(tmp_path / "file")))


def streamlit_options():
    """What `.streamlit/config.toml` sets, by the whole names of the options."""

    def named(values, before):
        for name, value in values.items():
            if isinstance(value, dict):
                yield from named(value, f"{before}{name}.")
            else:
                yield f"{before}{name}", value

    return dict(named(tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text()), ""))


def test_streamlit_knows_every_option_that_is_set():
    from streamlit import config

    known = config.get_config_options()
    names = set(streamlit_options())
    assert names <= set(known)
    assert {known[name].deprecated for name in names} == {False}


def test_a_plain_start_is_as_safe():
    chosen = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert chosen["server"]["address"] == "localhost"
    assert chosen["server"]["enableXsrfProtection"] and chosen["server"]["enableCORS"]
    assert chosen["browser"]["gatherUsageStats"] is False
    assert chosen["client"]["showErrorDetails"] == "none"


def test_a_second_start_calls_no_pip():
    made = subprocess.run(
        ["make", "--dry-run", "--old-file", ".venv/.installed", "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "core.setup" in made.stdout and "dashboard.serve" in made.stdout
    assert "pip" not in made.stdout


def test_every_import_is_a_requirement():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    listed = {plain_name(re.split("[=<>]", line)[0]) for line in lines}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    optional = {plain_name(re.split("[=<>]", line)[0]) for lines in extras.values() for line in lines}
    distributions = packages_distributions()
    extra = {plain_name(re.split("[=<>]", line)[0]) for line in (*extras["ray"], *extras["figures"])}
    may = {"core": listed | extra, "dashboard": listed, "benchmarks": listed | optional}
    for folder, allowed in may.items():
        own = {"core", "dashboard", "benchmarks"} | ({"tests"} if folder == "benchmarks" else set())
        for file in (ROOT / folder).rglob("*.py"):
            for name in imported(file) - set(sys.stdlib_module_names) - own:
                assert plain_name(distributions.get(name, [name])[0]) in allowed, f"{file.name}: {name}"


def plain_name(distribution):
    return distribution.strip().lower().replace("_", "-")


def imported(file):
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.split(".")[0] for name in names}
