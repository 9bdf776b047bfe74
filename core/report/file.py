"""A run's report as a file."""

from pathlib import Path

from core.downloads import Progress, ignore_progress, replace_atomically
from core.errors import StoreError
from core.report.page import Report, report_of_run
from core.shown import LONGEST_PATH, named
from core.store.runs import RunStore


def write_report(store: RunStore, run: str, path: Path, *, progress: Progress = ignore_progress) -> Report:
    """Write a run's report, whole or not at all.

    Raises:
        StoreError: no such run, or the file cannot be written.
    """
    made = report_of_run(store, run, progress=progress)
    try:
        replace_atomically(path, made.html.encode())
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"{named(path, LONGEST_PATH)} cannot be written: {reason}") from error
    return made
