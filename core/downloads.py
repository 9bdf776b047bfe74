"""Fetches a package by name and version, and lets nothing through whose hash is not the expected one.

pip does the transfer, so that a person's own index, proxy and certificates hold. Dependencies are never
wanted and no code of the package is ever imported.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import DownloadError

Progress = Callable[[float, str], None]


def ignore_progress(fraction: float, what: str) -> None:
    """A progress callback that shows nothing."""


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def replace_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is either the old one or the whole new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder inside `parent` for what is being fetched; gone at the end, however it ends.

    One process or thread has it at a time, others wait. What a killed one left behind is deleted first.

    Raises:
        DownloadError: the disk is full or cannot be written.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with (parent / ".fetching.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in parent.glob("fetching-*"):
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=parent, prefix="fetching-") as folder:
                yield Path(folder)
    except OSError as error:
        raise DownloadError(f"the download cannot be kept: {error.strerror or error}") from error


def sync_files(folder: Path) -> None:
    """Wait until every file of a folder is on the disk itself."""
    for file in folder.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


def fetch_package(
    requirement: str, folder: Path, *, source: bool = False, progress: Progress = ignore_progress
) -> Path:
    """Download one package archive, without its dependencies, into `folder`.

    Args:
        requirement: `name==version`.
        source: take the source archive in place of a wheel.
        progress: called with the fraction done (0 to 1) and what is being done.

    Raises:
        DownloadError: pip failed; the message carries its last line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kind = ["--no-binary", ":all:"] if source else ["--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", *kind, "--dest", str(folder)]
    version = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, text=True
    ).stdout
    numbers = re.findall(r"\d+", version)
    if len(numbers) >= 2 and (int(numbers[0]), int(numbers[1])) >= (24, 1):
        command += ["--progress-bar", "raw"]
    progress(0.0, f"fetching {requirement}")
    lines: list[str] = []
    with subprocess.Popen(
        [*command, requirement], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            moved = re.match(r"Progress (\d+) of (\d+)", line)
            if moved and int(moved[2]):
                progress(int(moved[1]) / int(moved[2]), f"fetching {requirement}")
            elif line.strip():
                lines.append(line.strip())
    found = sorted(folder.glob(f"{requirement.split('==')[0].replace('-', '[-_]')}*"))
    if process.returncode or not found:
        last = next(
            (line for line in reversed(lines) if line.startswith("ERROR")), (lines or ["no output"])[-1]
        )
        raise DownloadError(f"{requirement} could not be fetched ({last}): check the network and try again")
    return found[-1]
