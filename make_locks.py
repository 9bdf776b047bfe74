"""Writes the lock files anew: `make lock`. Every version is pinned, and every file of it by its hash.

requirements.lock        what the app needs, on every platform, with pip and what builds Telltale itself
requirements-cpu.lock    torch without CUDA for Linux, taken where the index at hand has it
requirements-cuda.lock   what torch with CUDA needs besides
requirements-test.lock   what `make test` needs besides
requirements-tools.lock  what `make lock`, `make audit` and `make sbom` run, in an environment of its own

A lock is made of what the index at hand serves. torch without CUDA is on no common index: its entry is
written where its wheel is given, and else stays as it is.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from core.downloads import sha256_of

ROOT = Path(__file__).resolve().parent
OF_CUDA = re.compile(r"(nvidia|cuda|triton)\b")
TO_INSTALL = ("pip>=24.1", "setuptools>=77")
TOOLS = ("uv", "pip-audit", "cyclonedx-bom")
ALONE = ("repeng==0.4.0",)
"""What a test reads with, without what it asks for: older versions than the app's."""
BUILD = re.compile(r"torch-([^-]+\+cpu)-cp3(\d+)-.*linux.*_(x86_64|aarch64)\.whl")
HEADER = "# Made by `make lock`; see make_locks.py. Installed with --require-hashes and --no-deps.\n"


def main() -> int:
    """Write them."""
    parser = argparse.ArgumentParser(prog="make lock", description=__doc__)
    parser.add_argument("wheels", nargs="*", type=Path, help="builds of torch without CUDA")
    wheels = parser.parse_args().wheels
    app = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line[:1].isalpha()]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = pinned([*app, *TO_INSTALL])
    tested = pinned([*app, *TO_INSTALL, *project["optional-dependencies"]["test"]], found)
    if wheels:
        write("requirements-cpu.lock", {wheel.name: without_cuda(wheel) for wheel in wheels})
    write("requirements.lock", {name: text for name, text in found.items() if not OF_CUDA.match(name)})
    write("requirements-cuda.lock", {name: text for name, text in found.items() if OF_CUDA.match(name)})
    beside = {name: text for name, text in tested.items() if name not in found}
    write("requirements-test.lock", beside | pinned(ALONE, more=("--no-deps",)))
    write("requirements-tools.lock", pinned(TOOLS))
    return 0


def pinned(
    wanted: Sequence[str], known: dict[str, str] | None = None, more: Sequence[str] = ()
) -> dict[str, str]:
    """What is to be installed for some requirements, on every platform, as entries of a lock.

    Args:
        known: versions to keep to.
        more: options of uv.
    """
    command = [sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--universal"]
    command += ["--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate", *more]
    text = "\n".join([*wanted, *(entry.partition(" \\")[0] for entry in (known or {}).values())])
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True)
    return blocks(done.stdout)


def blocks(lock: str) -> dict[str, str]:
    """The entries of a lock: a requirement, its marker and its hashes, by the line without its end."""
    entries = re.findall(r"^[a-z0-9].*(?:\n    .*)*", lock, re.MULTILINE)
    return {entry.partition(" \\")[0]: entry for entry in entries}


def without_cuda(wheel: Path) -> str:
    """The entry of a build of torch, for the Python and the processor that it is for."""
    build = BUILD.fullmatch(wheel.name)
    if build is None:
        raise SystemExit(f"telltale: {wheel.name} is no build of torch without CUDA for Linux")
    release, minor, processor = build.groups()
    asked = f"python_version == '3.{minor}' and sys_platform == 'linux' and platform_machine == '{processor}'"
    return f"torch=={release} ; {asked} \\\n    --hash=sha256:{sha256_of(wheel)}"


def write(name: str, entries: dict[str, str]) -> None:
    """Write one lock."""
    (ROOT / name).write_text(HEADER + "\n".join(entries.values()) + "\n")


if __name__ == "__main__":
    sys.exit(main())
