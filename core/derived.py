"""Derived results kept under the cache: always rebuildable, found again by all that they depend on.

They are pickles, which run code when they are read. So each is signed with a key of this user's that lies
outside the cache (`memo_key`), and what the key did not sign is never unpickled: a cache that somebody brings
along, unpacked from an archive, say, has its results made anew.
"""

import hashlib
import hmac
import io
import logging
import os
import shutil
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib

from core.downloads import replace_atomically
from core.memo_key import SECRET_BYTES, memo_key

PACKAGES = ("telltale", "numpy", "scikit-learn")
PRIVATE = 0o700
_log = logging.getLogger("telltale")


def derived_path(cache: Path, kind: str, parts: Sequence[object]) -> Path:
    """Where a result is kept: its name is the hash of the parts, which are all that it depends on.

    The folder is bound to the versions of Python, this program, and the packages whose objects are in it.
    """
    return cache / "derived" / _versions() / kind / f"{joblib.hash(list(parts))}.joblib"


@lru_cache
def _versions() -> str:
    packages = "-".join(f"{name}-{version(name)}" for name in PACKAGES)
    return f"memo-{packages}-python-{sys.version_info.major}.{sys.version_info.minor}"


def load_derived(path: Path) -> Any:
    """The result, or None where it is not kept; one that cannot be read is thrown away.

    One that this user's key did not sign under this name is thrown away unread.
    """
    key = memo_key() if _is_private(path.parent.parent) else None
    if key is None:
        return None
    try:
        signed = path.read_bytes()
        content = memoryview(signed)[SECRET_BYTES:]
        if hmac.compare_digest(signed[:SECRET_BYTES], _signature(key, path, content)):
            return joblib.load(io.BytesIO(content))
        _log.warning("telltale: a derived result that this user did not make was thrown away: %s", path)
    except FileNotFoundError:
        return None
    except Exception:  # whatever a damaged file raises: the result is made anew
        _log.warning("telltale: a derived result that cannot be read was thrown away: %s", path)
    with suppress(OSError):  # on a disk that cannot be written it is thrown away every time
        path.unlink(missing_ok=True)
    return None


def keep_derived(found: Any, path: Path) -> None:
    """Keep a result, signed, whole or not at all.

    Without a key, a private folder or room on the disk it is not kept, and made anew the next time.
    """
    key = memo_key() if _make_private(path.parent.parent) else None
    if key is None:
        return
    buffer = io.BytesIO()
    joblib.dump(found, buffer)
    content = buffer.getbuffer()
    try:
        replace_atomically(path, _signature(key, path, content) + content)
    except OSError as error:
        _log.warning("telltale: a derived result cannot be kept: %s", error)


def _signature(key: bytes, path: Path, content: memoryview) -> bytes:
    """HMAC-SHA256 of versions, kind and name with the content: an entry cannot stand in for another."""
    made = hmac.new(key, "\0".join(path.parts[-3:]).encode() + b"\0", hashlib.sha256)
    made.update(content)
    return made.digest()


def _is_private(folder: Path) -> bool:
    """Whether a folder is there, this user's own, and writable by nobody else."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _make_private(folder: Path) -> bool:
    """Have such a folder, anew where it is another's or others can write to it; whether there is one."""
    if _is_private(folder):
        return True
    try:
        if folder.is_symlink() or folder.exists():
            _log.warning("telltale: %s can be written by others: derived results are made anew", folder)
            folder.unlink() if folder.is_symlink() else shutil.rmtree(folder)
        folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    except OSError:
        return False
    return _is_private(folder)
