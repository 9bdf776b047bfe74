"""What the two commands install is pinned by version and by hash, and is what requirements.txt allows."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted(path.name for path in ROOT.glob("requirements-*.lock"))
LOCKS.append("requirements.lock")
ENTRY = re.compile(r"^[a-z0-9].*(?:\n    .*)*", re.MULTILINE)


def entries(lock):
    """Each requirement of a lock with its hashes."""
    found = []
    for entry in ENTRY.findall((ROOT / lock).read_text()):
        requirement, *hashes = entry.split(" \\\n    --hash=")
        found.append((Requirement(requirement), hashes))
    return found


def versions(*locks):
    """All versions that stand in some locks, by name."""
    found = {}
    for requirement, _ in (entry for lock in locks for entry in entries(lock)):
        (pin,) = requirement.specifier
        found.setdefault(canonicalize_name(requirement.name), []).append(pin.version)
    return found


def test_there_are_five_locks():
    assert len(LOCKS) == 5


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_is_one_version_with_hashes(lock):
    assert entries(lock)
    for requirement, hashes in entries(lock):
        assert [pin.operator for pin in requirement.specifier] == ["=="]
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes)
        assert requirement.url is None


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_index_or_a_file(lock):
    lines = (ROOT / lock).read_text().splitlines()
    assert [line for line in lines if line.startswith("-") or "://" in line or "@" in line] == []


def wanted(lines):
    return [Requirement(line) for line in lines if line[:1].isalpha()]


def test_the_locks_hold_what_is_required_in_a_version_that_is_allowed():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    required = wanted((ROOT / "requirements.txt").read_text().splitlines())
    for requirements, locks in (
        (required, ["requirements.lock"]),
        (wanted(extras["test"]), ["requirements.lock", "requirements-test.lock"]),
    ):
        pinned = versions(*locks)
        for requirement in requirements:
            found = pinned[canonicalize_name(requirement.name)]
            assert all(requirement.specifier.contains(version) for version in found), requirement


def test_torch_is_one_release_in_all_its_builds():
    (pinned,) = versions("requirements.lock")["torch"]
    assert versions("requirements-cpu.lock") == {"torch": [f"{pinned}+cpu"]}
    (hashes,) = (hashes for entry, hashes in entries("requirements.lock") if entry.name == "torch")
    assert len(hashes) > 10, "macOS, Windows and Linux, for every Python"


def test_setup_installs_nothing_without_its_hash():
    made = subprocess.run(
        ["make", "--dry-run", "--always-make", "setup", ".venv/.installed-test", "build/tools/.installed"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    installs = re.findall(r"pip .*?\binstall\b.*?(?:\n| \|\||$)", made)
    itself = [line for line in installs if " -e ." in line]
    assert len(installs) == 6 and len(itself) == 1
    assert "--no-deps --no-build-isolation" in itself[0]
    assert all("--require-hashes" in line and "--no-deps" in line for line in installs if line not in itself)
