"""The wheel holds all of the app, and `telltale dashboard` serves it where nothing but the wheel is there."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
import zipfile
from email.parser import Parser
from http.client import HTTPConnection
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.browser.conftest import ROOT, free_port, open_page
from tests.test_makefile import streamlit_options

PACKAGED = ("core", "dashboard", ".streamlit", "setup.py", "MANIFEST.in", "pyproject.toml", "README.md")
SETTINGS = """
import json, sys
from streamlit import config

config._main_script_path = sys.argv[1]  # as `streamlit run` says where the app is
print(json.dumps({name: config.get_option(name) for name in sys.argv[2:]}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel as `python -m build` makes it of the checkout, away from what older builds left there."""
    folder = tmp_path_factory.mktemp("source")
    for name in (*PACKAGED, "requirements.txt"):
        if (ROOT / name).is_dir():
            left_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=left_out)
        else:
            shutil.copy(ROOT / name, folder)
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        folder / "made",
        folder,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (folder / "made").iterdir()
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The programs of an environment with the wheel in it; what the wheel asks for is this environment's.

    What a .pth file names is searched after an environment's own packages, and .pth files there, such as the
    one of an editable install, are not read.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*command, wheel], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "what-it-asks-for.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


@pytest.fixture
def elsewhere(tmp_path) -> dict:
    """How a process is started in a folder and with a home of its own, and nothing said of a cache."""
    hidden = ("TELLTALE_CACHE", "XDG_CACHE_HOME", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    (tmp_path / "dashboard").mkdir()
    (tmp_path / "dashboard" / "__init__.py").write_text("raise SystemExit('the folder that one stands in')")
    return {"cwd": tmp_path, "env": kept | {"HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}}


def told(*command, **where) -> str:
    done = subprocess.run(command, capture_output=True, text=True, **where)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_each_file_of_core_and_dashboard(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    there = {
        str(file.relative_to(ROOT))
        for folder in ("core", "dashboard")
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert held == there | {"dashboard/.streamlit/config.toml"}


def test_the_wheel_asks_for_what_requirements_txt_lists(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    said = Parser().parsestr(archive.read(name).decode())
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    asked = {Requirement(line) for line in said.get_all("Requires-Dist") if "extra ==" not in line}
    assert asked == {Requirement(line) for line in lines if line[:1].isalpha()}
    versions = re.findall(r"Python :: (\d\.\d+)", "".join(said.get_all("Classifier")))
    assert versions == ["3.11", "3.12", "3.13"]
    assert set(said["Requires-Python"].split(",")) == {">=3.11", "<3.14"}


def test_the_settings_of_the_checkout_hold_for_the_installed_app(installed, elsewhere):
    chosen = streamlit_options()
    (app,) = installed.parent.glob("lib/python*/site-packages/dashboard/app.py")
    found = told(installed / "python", "-c", SETTINGS, app, *chosen, **elsewhere)
    assert json.loads(found.splitlines()[-1]) == chosen and len(chosen) > 10


def test_what_is_installed_is_the_wheel_and_writes_into_the_persons_own_cache(installed, elsewhere):
    where = told(installed / "python", "-c", "import core.paths; print(core.paths.__file__)", **elsewhere)
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert json.loads(told(installed / "telltale", "runs", "trash", "--json", **elsewhere)) == {"trash": []}
    assert (elsewhere["cwd"] / "home" / ".cache" / "telltale" / "telltale.sqlite").is_file()
    assert not (Path(where.strip()).parents[1] / "cache").exists()


def test_telltale_dashboard_serves_the_installed_app(installed, elsewhere, chromium, app_cache):
    port = free_port()
    command = [installed / "telltale", "dashboard", "--port", str(port), "--cache", app_cache]
    log = elsewhere["cwd"] / "app.log"
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, **elsewhere)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(address, process, log)
        assert [answer_to(port, host) for host in (f"127.0.0.1:{port}", "evil.example")] == [101, 403]
        page = open_page(chromium, address)
        page.get_by_role("link", name="Read or said").wait_for()
        page.get_by_text("GB free").wait_for()
        assert page.problems == []
        page.close()
        home = elsewhere["cwd"] / "home"
        kept = {file.relative_to(home).parent.as_posix() for file in home.rglob("*") if file.is_file()}
        assert kept <= {".local/state/telltale"}, "beside the cache it keeps the key of what it derived"
    finally:
        process.terminate()
        process.wait(20)


def answer_to(port: int, host: str) -> int:
    """The status that a browser gets which calls the app by this name and wants to talk to it."""
    asked = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(
        "GET", "/_stcore/stream", headers=asked | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    )
    status = connection.getresponse().status
    connection.close()
    return status


def wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    """Return when the app's health page answers."""
    for _ in range(480):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).read()
            return
        except OSError:
            time.sleep(0.25)
    raise RuntimeError(log.read_text())
