"""States and logs that come by upload, kept as files until they are imported, under names of our own making.

Tables of labels are kept by `core.data.tables.keep_upload`, as everywhere.
"""

import hashlib
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from core.downloads import replace_atomically
from core.errors import DataError, StoreError
from core.exchange.brought_states import OF_A_DATASET, READERS
from core.exchange.conversations import TRANSCRIPTS
from core.exchange.inspect_log import SUFFIXES as INSPECT_LOGS
from core.shown import named, quoted

ALONE = (*READERS, TRANSCRIPTS, *INSPECT_LOGS)
"""Kinds of files that are imported by themselves."""
LAYER = ".npy"
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,120}")
Uploaded = tuple[str, bytes]


def keep_brought(cache: Path, files: Sequence[Uploaded]) -> Path:
    """Keep one file, or a folder of the .npy files of all layers, or of a dataset's files.

    Args:
        files: name and content of each.

    Raises:
        DataError: they are of no kind that is imported, or do not belong together.
        StoreError: the cache cannot be written.
    """
    digest = hashlib.sha256()
    for name, content in sorted(files):
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode("utf-8", "surrogatepass"))
    place = cache / "data" / "uploads" / digest.hexdigest()[:12]
    names = [name for name, _ in files]
    try:
        if len(files) == 1 and (suffix := Path(names[0]).suffix.lower()) in ALONE:
            plain = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(names[0]).stem)[:60] or "brought"
            return _kept(place / f"{plain}{suffix}", files[0][1])
        folder = place / _folder_name(names)
        for name, content in files:
            _kept(folder / name, content)
        return folder
    except OSError as error:
        raise StoreError(
            f"{named(names[0])} cannot be kept in the cache: {error.strerror or error}"
        ) from error


def forget_brought(cache: Path, kept: Path) -> None:
    """Delete what `keep_brought` kept, and nothing that lies elsewhere."""
    if kept.parent.parent == cache / "data" / "uploads":
        shutil.rmtree(kept.parent, ignore_errors=True)


def _folder_name(names: Sequence[str]) -> str:
    """What to call the folder of several files, by what they are."""
    for name in names:
        if not PLAIN.fullmatch(name) or names.count(name) > 1:
            raise DataError(f"{quoted(name)} cannot be kept: rename it to letters, digits, `.`, `_` and `-`")
    if all(Path(name).suffix == LAYER for name in names):
        return "layers"
    if OF_A_DATASET in names:
        return "dataset"
    raise DataError(
        f"{named(names[0])} is nothing that can be imported by itself: choose one {', '.join(ALONE)}, or the "
        f"{LAYER} files of all layers, or all files of a dataset's folder ({OF_A_DATASET} among them)"
    )


def _kept(path: Path, content: bytes) -> Path:
    if not path.is_file():
        replace_atomically(path, content)
    return path
