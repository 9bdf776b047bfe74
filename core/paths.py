"""Where Telltale writes: one cache folder, chosen by `--cache`, `TELLTALE_CACHE` or the default `cache/`."""

import os
from pathlib import Path

from core.errors import StoreError
from core.shown import LONGEST_PATH, named

SHARDS = "shards"
"""Below a cache folder: the caches of the shards of a harvest."""
DEFAULT_CACHE = Path(__file__).resolve().parent.parent / "cache"


def cache_folder(chosen: str | Path | None = None) -> Path:
    """The cache folder, created where it is missing.

    Raises:
        StoreError: the folder cannot be made or written.
    """
    folder = Path(chosen or os.environ.get("TELLTALE_CACHE") or DEFAULT_CACHE)
    try:
        folder = folder.expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError, ValueError) as error:  # no such user, a loop of links, a NUL
        why = getattr(error, "strerror", None) or error
        raise StoreError(f"the cache folder {named(folder, LONGEST_PATH)} cannot be made: {why}") from error
    if not os.access(folder, os.W_OK):
        raise StoreError(f"the cache folder {folder} is not writable: choose another with --cache")
    return folder
