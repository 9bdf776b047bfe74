"""A folder as one zip file, to be downloaded; what is in it is stored as it is, states hardly compress."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from core.downloads import Progress, ignore_progress
from core.exchange.run_parts import check_going_on

PIECE = 8 << 20
"""Bytes that are copied between two looks at whether to go on."""


def zip_folder(
    folder: Path,
    target: Path,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Write a folder's files into a zip, below the folder's name; gives the zip's path.

    Raises:
        OSError: it cannot be written. Cancelled: `cancelled` said so.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    total, done = sum(path.stat().st_size for path in files), 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in files:
            entry = zipfile.ZipInfo.from_file(path, Path(folder.name) / path.relative_to(folder))
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as out:
                while piece := source.read(PIECE):
                    check_going_on(cancelled)
                    out.write(piece)
                    done += len(piece)
                    progress(done / max(1, total), f"packing {path.name}")
    return target
