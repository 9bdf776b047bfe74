"""The long work of Import and Export, for the background: calls of core, progress and cancel passed on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.exchange.kept_upload import forget_brought
from core.exchange.whole_folder import whole_path
from core.exchange.zipped import zip_folder
from core.jobs import Job
from core.store.runs import RunStore
from dashboard.work import Work

if TYPE_CHECKING:
    from core.exchange.hub_wanted import Wanted
    from core.models.catalog import ModelSettings

IMPORT, EXPORT, PUSH = "import", "export", "push"
WRITTEN = 0.8
"""Of an export that is to be downloaded, the part before it is packed."""
Write = Callable[[Path, Callable[[float, str], None], Callable[[], bool]], Any]
"""Writes a folder that is not there yet."""


@dataclass(frozen=True, eq=False)
class TakenOut:
    """What was written: each file's name and bytes, and where they lie.

    Attributes:
        zip: all of them as one file, where they are to be downloaded.
        scratch: what holds that file, which is deleted with it.
    """

    place: Path
    files: tuple[tuple[str, int], ...]
    zip: Path | None = None
    scratch: tempfile.TemporaryDirectory | None = None


def bring_states(
    store: RunStore,
    states: Path,
    labels: Path | None,
    columns: tuple[str | None, str | None],
    model: str | None,
    name: str | None,
) -> Work:
    """Make a run of states; uploaded files of them are deleted then, for the run has them.

    Args:
        columns: with the text and the label; None to guess.
        model: what the model is called that the states are of.
    """

    def work(job: Job) -> Any:
        from core.exchange.import_states import import_states

        made = import_states(
            store,
            states,
            labels,
            model=model,
            text_column=columns[0],
            label_column=columns[1],
            name=name,
            progress=job.progress,
            cancelled=job.cancelled,
        )
        forget_brought(store.cache, states)
        return made

    return work


def bring_answers(store: RunStore, path: Path, model: ModelSettings, name: str | None) -> Work:
    """Have a model read answers that were given elsewhere."""

    def work(job: Job) -> Any:
        from core.exchange.import_answers import import_answers
        from core.models.loading import SHELF

        job.progress(0.0, "loading the model")
        loaded = SHELF.get(model, store.cache)
        return import_answers(store, path, loaded, name=name, progress=job.progress, cancelled=job.cancelled)

    return work


def take_out(store: RunStore, run: str | None, name: str, write: Write, target: Path | None) -> Work:
    """Write a folder.

    Args:
        run: that it is of; None where it is of none.
        name: what the folder is called within a download.
        target: where it goes; None to have it packed for a download.
    """

    def work(job: Job) -> TakenOut:
        if run is not None:
            job.works_on(run)
        if target is not None:
            place = whole_path(target)
            write(place, job.progress, job.cancelled)
            return TakenOut(place, files_in(place))
        (store.cache / "tmp").mkdir(exist_ok=True)
        scratch = tempfile.TemporaryDirectory(dir=store.cache / "tmp", prefix="export-")
        folder = Path(scratch.name) / name
        write(folder, lambda done, what: job.progress(WRITTEN * done, what), job.cancelled)
        packed = zip_folder(
            folder,
            Path(scratch.name) / f"{name}.zip",
            lambda done, what: job.progress(WRITTEN + (1 - WRITTEN) * done, what),
            job.cancelled,
        )
        files = files_in(folder)
        shutil.rmtree(folder)
        return TakenOut(packed, files, packed, scratch)

    return work


def push(store: RunStore, wanted: Wanted, to: str, private: bool) -> Work:
    """Send a package to the hub; gives its address there and the names of its files."""

    def work(job: Job) -> Any:
        from core.exchange.hub_push import pack_and_push

        return pack_and_push(store, wanted, to, private, job.progress, job.cancelled)

    return work


def files_in(folder: Path) -> tuple[tuple[str, int], ...]:
    """The names and bytes of a folder's files, in order."""
    return tuple((path.name, path.stat().st_size) for path in sorted(folder.iterdir()) if path.is_file())
