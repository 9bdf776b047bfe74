"""What is done with whole runs and kept probes: found, remarked on, deleted, taken back, taken elsewhere."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from core.all_runs import trashed_runs
from core.errors import ProbeError
from core.files import read_file
from core.notebook.commands import Found, asked
from core.notebook.stored import opened
from core.notebook.working import quiet_libraries
from core.paths import cache_folder
from core.probes.bundle import LARGEST_FILE, FittedProbe
from core.probes.saved import SavedProbes
from core.store.remarks import Remarks, RemarkStore
from core.store.runs import Run, RunStore


def summary_of(run: Run | str, cache: str | Path | None = None) -> Found:
    """What a run is and what came of it, as `telltale runs show` has it.

    Raises:
        StoreError: no such run.
    """
    return asked("runs", {"action": "show", "run": run, "cache": cache})


def calibration_of(run: Run | str, cache: str | Path | None = None) -> Found:
    """How a run's leans are calibrated, and how far they can be relied on under honest; the table: curves.

    Raises:
        StoreError: no such run, or one of open questions.
    """
    return asked("calibration", {"run": run, "cache": cache}, table="curves")


def tag(run: Run | str, *tags: str, cache: str | Path | None = None) -> Remarks:
    """Add tags to a run, words to find it by; gives its tags and note.

    Raises:
        StoreError: no such run, or a tag is not one word, too long or one too many.
    """
    store, name = opened(run, cache)
    return RemarkStore(store.cache).tag(name, tags)


def untag(run: Run | str, *tags: str, cache: str | Path | None = None) -> Remarks:
    """Take tags from a run; gives what is left, and its note.

    Raises:
        StoreError: no such run, or it has no such tag.
    """
    store, name = opened(run, cache)
    return RemarkStore(store.cache).untag(name, tags)


def note(run: Run | str, text: str, cache: str | Path | None = None) -> Remarks:
    """Put a note on a run in the place of the one before; an empty one takes it away.

    Raises:
        StoreError: no such run, or the note is too long.
    """
    store, name = opened(run, cache)
    return RemarkStore(store.cache).set_note(name, text)


def delete(run: Run | str, cache: str | Path | None = None) -> None:
    """Move a run to the trash, from which `restore` takes it back.

    Raises:
        StoreError: no such run, it is being written, or it cannot be moved.
    """
    store, name = opened(run, cache)
    store.delete(name)


def trash(cache: str | Path | None = None) -> pd.DataFrame:
    """What was deleted and can be restored, with the columns of `core.all_runs.trashed_runs`."""
    return trashed_runs(cache_folder(cache))


def restore(run: Run | str, cache: str | Path | None = None) -> Run:
    """Take a run back out of the trash, by its id or the name that it has there.

    Raises:
        StoreError: it is not there, or cannot be restored.
    """
    store = RunStore(cache_folder(cache))
    return store.run(store.restore(run if isinstance(run, str) else run.run))


def empty_trash(cache: str | Path | None = None) -> int:
    """Delete what is in the trash for good; gives the bytes that this frees.

    Raises:
        StoreError: something cannot be deleted.
    """
    return asked("runs", {"action": "empty-trash", "cache": cache})["freed"]


def merge(
    shards: Sequence[str | Path] = (), cache: str | Path | None = None, show: bool = True
) -> pd.DataFrame:
    """Put the shards of harvests together, by default those that `harvest --shard` left in the cache.

    Args:
        shards: their cache folders.

    Returns:
        Columns run, taken, answers, planned and missing.

    Raises:
        StoreError: they are of other settings, damaged or being written, or there are none.
    """
    given = {"action": "merge", "run": shards, "cache": cache}
    return asked("runs", given, table="runs", show=show).to_frame()


def saved_probes(cache: str | Path | None = None) -> pd.DataFrame:
    """The probes that `core.probe(run, save=NAME)` keeps, one row each, with what they say of themselves."""
    found = SavedProbes(cache_folder(cache)).facts()
    frame = pd.DataFrame(list(found.values()))
    return frame if frame.empty else frame[["name", *(column for column in frame if column != "name")]]


def saved_probe(name: str, cache: str | Path | None = None) -> FittedProbe:
    """A kept probe, whose directions are `vectors`, (layers, d_model).

    Raises:
        ProbeError: there is none of that name, or its file is damaged.
    """
    return SavedProbes(cache_folder(cache)).load(name)


def export_probe(name: str, file: str | Path, cache: str | Path | None = None) -> Path:
    """Write a kept probe as safetensors, or as a control vector where the file's name ends in .gguf.

    Raises:
        ProbeError: there is none of that name, or it is no direction that a control vector can be.
        OSError: the file cannot be written.
    """
    asked("probes", {"export": name, "file": file, "cache": cache})
    return Path(file)


def add_probe(file: str | Path, name: str = "", cache: str | Path | None = None) -> str:
    """Take in a probe that was exported, under a name or its own; gives the name.

    Raises:
        ProbeError: the file is no probe, or does not fit what it says of itself.
    """
    return SavedProbes(cache_folder(cache)).add(read_file(file, LARGEST_FILE, ProbeError), name)


def delete_probe(name: str, cache: str | Path | None = None) -> None:
    """Delete a kept probe for good; one that is not there is no mistake."""
    SavedProbes(cache_folder(cache)).delete(name)


def doctor(repair: bool = False, cache: str | Path | None = None, show: bool = True) -> pd.DataFrame:
    """Check the installation, the model in the box, the data and every state of every run.

    Args:
        repair: mend what can be mended.

    Returns:
        Columns name, ok and detail.
    """
    with quiet_libraries():
        return asked("doctor", {"repair": repair, "cache": cache}, table="checks", show=show).to_frame()
