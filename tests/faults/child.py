"""What happens inside a process of the campaign: its output goes to files, then the real program runs.

The preparations are what a process does to itself before: they make the fault.
"""

import ctypes
import os
import resource
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from core.cli import main

CAPABILITY_VERSION = 0x20080522
STARVED = "there is no memory for this batch"


def run_command(folder: Path, arguments: list[str], prepare: Callable[[], None] | None) -> None:
    """`telltale …`, with what it prints in `out` and `err` of a folder."""
    _print_into(folder)
    if prepare is not None:
        prepare()
    sys.exit(main(arguments))


def run_work(folder: Path, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """A function of the tests, with what it prints in `out` and `err` of a folder."""
    _print_into(folder)
    work(*arguments)


def _print_into(folder: Path) -> None:
    for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        stream.flush()
        os.dup2(handle, stream.fileno())
        os.close(handle)


def die() -> None:
    """`kill -9` of oneself."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_rename(nth: int, before: bool) -> None:
    """Have the process die just before or after it puts its n-th file in its place."""
    replace, calls = os.replace, iter(range(1, sys.maxsize))

    def dying(*arguments: Any, **named: Any) -> None:
        now = next(calls) == nth
        if now and before:
            die()
        replace(*arguments, **named)
        if now:
            die()

    os.replace = dying  # type: ignore[assignment]


def die_in_write(nth: int) -> None:
    """Have the process die when half of its n-th piece of an array is written."""
    from zarr.storage import _local

    put, calls = _local._put, iter(range(1, sys.maxsize))

    def dying(path: Path, value: Any, exclusive: bool = False) -> int:
        if next(calls) == nth:
            content = bytes(value.as_buffer_like())
            path.parent.mkdir(parents=True, exist_ok=True)
            with _local._atomic_write(path, "wb") as handle:
                handle.write(content[: len(content) // 2])
                handle.flush()
                die()
        return put(path, value, exclusive)

    _local._put = dying


def die_at_commit(nth: int, before: bool) -> None:
    """Have the process die just before or after its n-th transaction is committed."""
    calls = iter(range(1, sys.maxsize))

    def dying(commit: Callable[[], Any]) -> Any:
        now = next(calls) == nth
        if now and before:
            die()
        done = commit()
        if now:
            die()
        return done

    _around_commits(dying)


def slow_commits(seconds: float) -> None:
    """Have each transaction take so much longer, so that others come in between."""

    def slow(commit: Callable[[], Any]) -> Any:
        done = commit()
        time.sleep(seconds)
        return done

    _around_commits(slow)


def linger(seconds: float, nth: int, until: Path) -> None:
    """As `slow_commits`, and after the n-th transaction wait until there is a certain file."""
    calls = iter(range(1, sys.maxsize))

    def lingering(commit: Callable[[], Any]) -> Any:
        done = commit()
        time.sleep(seconds)
        while next(calls) >= nth and not until.exists():
            time.sleep(seconds)
        return done

    _around_commits(lingering)


def _around_commits(around: Callable[[Callable[[], Any]], Any]) -> None:
    """Have whatever ends a transaction handed to a function, which does it."""
    connect = sqlite3.connect

    class Watched(sqlite3.Connection):
        def __exit__(self, *error: Any) -> Any:
            return around(partial(super().__exit__, *error))

        def commit(self) -> None:
            around(super().commit)

    def watched(*arguments: Any, **named: Any) -> sqlite3.Connection:
        return connect(*arguments, **named | {"factory": Watched})

    sqlite3.connect = watched  # type: ignore[assignment]


def starve(most: int) -> None:
    """Let torch's allocator fail within a block that reads more tokens than so many, and say so each time."""
    import torch

    forward = torch.nn.Linear.forward

    def hungry(layer: torch.nn.Linear, states: torch.Tensor) -> torch.Tensor:
        closes_a_block = layer.in_features > layer.out_features
        if closes_a_block and states.numel() // layer.in_features > most:
            print(STARVED, file=sys.stderr, flush=True)
            torch.empty(1 << 60, dtype=torch.uint8)
        return forward(layer, states)

    torch.nn.Linear.forward = hungry  # type: ignore[method-assign]


def limit_file_size(most: int) -> None:
    """Let no file grow over so many bytes, as if the disk were full. Python ignores the signal for it."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def give_up_root() -> None:
    """As root, obey the permissions of files like anybody else."""
    if os.geteuid() == 0:
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
        none = (ctypes.c_uint32 * 6)()
        if ctypes.CDLL(None, use_errno=True).capset(header, none):
            raise OSError(ctypes.get_errno(), "capset")
