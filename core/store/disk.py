"""How much disk runs take, and whether the next one fits."""

import os
import shutil
from pathlib import Path

from core.errors import StoreError

FLOAT = 4
ROW = 1_000
"""Bytes of an answer's row, in the database and in the journal each: measured on runs of reviews."""
BUDGET = "TELLTALE_BUDGET_GB"


def folder_bytes(folder: Path) -> int:
    """What the files below a folder hold."""
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue  # gone since it was listed
    return total


def run_bytes(cache: Path, run: str) -> int:
    """What a run's states and journal hold; states that are kept elsewhere are not counted."""
    return folder_bytes(cache / "runs" / run)


def harvest_bytes(answers: int, vectors: int, layers: int, d_model: int) -> int:
    """What a harvest will write.

    Args:
        vectors: states of a layer that are kept of an answer: its positions, and its tokens where it is open.
    """
    return answers * (vectors * layers * d_model * FLOAT + 2 * ROW)


def budget() -> int | None:
    """The most bytes that all runs are to take together, from TELLTALE_BUDGET_GB; None where none is set.

    Raises:
        StoreError: it is no number above 0.
    """
    said = os.environ.get(BUDGET, "").strip()
    if not said:
        return None
    try:
        value = float(said)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise StoreError(f"{BUDGET} is {said!r}: give the gigabytes that all runs may take, such as 50")
    return int(value * 1e9)


def warning(cache: Path, needed: int) -> str | None:
    """Why a harvest of so many bytes should not be begun, in a sentence; None where it fits.

    Raises:
        StoreError: see `budget`.
    """
    free = shutil.disk_usage(cache).free
    if needed > free:
        return f"this harvest writes about {_gb(needed)} and the disk has {_gb(free)} free: make room first"
    allowed = budget()
    if allowed is not None:
        used = folder_bytes(cache / "runs") + folder_bytes(cache / "trash")
        if used + needed > allowed:
            return (
                f"this harvest writes about {_gb(needed)}; with the {_gb(used)} that runs and trash take, "
                f"that passes the budget of {_gb(allowed)} ({BUDGET})"
            )
    return None


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
