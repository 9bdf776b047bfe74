"""`telltale report`: all that there is to see of a run, as one HTML file."""

from argparse import Namespace
from pathlib import Path

from core.commands.options import Result
from core.progress import shown_in_percent
from core.report.file import write_report
from core.store.runs import RunStore


def report(cache: Path, options: Namespace) -> Result:
    """Write a run's report; no probe is fitted and no test set opened for it."""
    store = RunStore(cache)
    run = store.run(options.run).run
    path = Path(options.file or f"report-{run}.html")
    with shown_in_percent() as show:
        made = write_report(store, run, path, progress=show)
    size = path.stat().st_size
    result = {
        "run": run,
        "file": str(path),
        "bytes": size,
        "figures": list(made.figures),
        "absent": list(made.absent),
    }
    told = f"{len(made.figures)} figures of run {run} written to {path}, {size / 1e6:.1f} MB"
    if made.absent:
        told += f"; it says why these are not among them: {'; '.join(made.absent)}"
    return result, told
