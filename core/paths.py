"""Where Telltale writes: one cache folder, chosen by `--cache`, `TELLTALE_CACHE` or `default_cache`."""

import os
from pathlib import Path

from core.errors import StoreError
from core.shown import LONGEST_PATH, named

SHARDS = "shards"
"""Below a cache folder: the caches of the shards of a harvest."""
ROOT = Path(__file__).resolve().parent.parent
"""What `core` lies in: a checkout, or where Python installs packages."""


def default_cache(root: Path = ROOT) -> Path:
    """`cache/` of a checkout; installed from a wheel, a folder of the person's own, and never the packages'.

    That is `telltale` in XDG_CACHE_HOME, where it is an absolute path, else in `~/.cache`, `~` not yet
    expanded (XDG Base Directory Specification, version 0.8).

    Args:
        root: what `core` lies in.
    """
    if (root / "pyproject.toml").is_file():
        return root / "cache"
    caches = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (caches if caches.is_absolute() else Path("~/.cache")) / "telltale"


def cache_folder(chosen: str | Path | None = None) -> Path:
    """The cache folder, created where it is missing.

    Raises:
        StoreError: the folder cannot be made or written.
    """
    folder = Path(chosen or os.environ.get("TELLTALE_CACHE") or default_cache())
    try:
        folder = folder.expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError, ValueError) as error:  # no such user, a loop of links, a NUL
        why = getattr(error, "strerror", None) or error
        raise StoreError(f"the cache folder {named(folder, LONGEST_PATH)} cannot be made: {why}") from error
    if not os.access(folder, os.W_OK):
        raise StoreError(f"the cache folder {folder} is not writable: choose another with --cache")
    return folder
