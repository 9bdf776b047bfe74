"""Derived results kept under the cache: always rebuildable, found again by all that they depend on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib


def derived_path(cache: Path, kind: str, parts: Sequence[object]) -> Path:
    """Where a result is kept: its name is the hash of the parts, which are all that it depends on."""
    return cache / "derived" / kind / f"{joblib.hash(list(parts))}.joblib"


def load_derived(path: Path) -> Any:
    """The result, or None where it is not kept; one that cannot be read is thrown away."""
    if not path.is_file():
        return None
    try:
        return joblib.load(path)
    except Exception:  # whatever a damaged file raises: the result is made anew
        path.unlink(missing_ok=True)
        return None


def keep_derived(found: Any, path: Path) -> None:
    """Keep a result, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(found, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
