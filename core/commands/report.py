"""`telltale report`: all that there is to see of a run, as one HTML file."""

from argparse import Namespace
from pathlib import Path

from core.commands.options import Result
from core.downloads import replace_atomically
from core.errors import StoreError
from core.progress import shown_in_percent
from core.report.page import report_of_run
from core.shown import LONGEST_PATH, named
from core.store.runs import RunStore


def report(cache: Path, options: Namespace) -> Result:
    """Write a run's report; no probe is fitted and no test set opened for it."""
    store = RunStore(cache)
    run = store.run(options.run).run
    path = Path(options.file or f"report-{run}.html")
    with shown_in_percent() as show:
        made = report_of_run(store, run, progress=show)
    content = made.html.encode()
    try:
        replace_atomically(path, content)
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"{named(path, LONGEST_PATH)} cannot be written: {reason}") from error
    result = {
        "run": run,
        "file": str(path),
        "bytes": len(content),
        "figures": list(made.figures),
        "absent": list(made.absent),
    }
    told = f"{len(made.figures)} figures of run {run} written to {path}, {len(content) / 1e6:.1f} MB"
    if made.absent:
        told += f"; it says why these are not among them: {'; '.join(made.absent)}"
    return result, told
