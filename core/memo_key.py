"""The key that signs this user's derived results: in the user's state folder, outside of every cache."""

import fcntl
import os
import secrets
import stat
from pathlib import Path

from core.downloads import replace_atomically

SECRET_BYTES = 32
"""Of the key, and of a signature made with it."""


def memo_key() -> bytes | None:
    """The key, made where there is none; None where the state folder cannot be used.

    One that others could have read or written is replaced: what it signed counts for nothing any more.
    """
    try:
        path = state_folder() / "memo.key"
        return _read(path) or _make(path)
    except (OSError, RuntimeError):  # RuntimeError: this user has no home folder
        return None


def state_folder() -> Path:
    """Where programs keep what is this user's own (XDG Base Directory Specification): not made here."""
    chosen = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (chosen if chosen.is_absolute() else Path.home() / ".local" / "state") / "telltale"


def _read(path: Path) -> bytes | None:
    """The key in a file that is this user's alone; None where there is no such file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        own = stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
        key = file.read(SECRET_BYTES + 1)
    return key if own and len(key) == SECRET_BYTES else None


def _make(path: Path) -> bytes | None:
    """A new key, or that of another process which was faster."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if _read(path) is None:
            replace_atomically(path, secrets.token_bytes(SECRET_BYTES))
        return _read(path)
    finally:
        os.close(folder)
