"""`telltale figures`: the figures of a run as files, each with its data."""

from argparse import Namespace
from pathlib import Path

from core.commands.options import Result
from core.figures.files import write_figures
from core.figures.of_run import figures_of_run
from core.progress import shown_in_percent
from core.store.runs import RunStore


def figures(cache: Path, options: Namespace) -> Result:
    """Write what a run's report draws, as pictures or pages."""
    store = RunStore(cache)
    run = store.run(options.run).run
    with shown_in_percent() as show:
        found = figures_of_run(store, run, progress=show)
        files = write_figures(found.figures, Path(options.folder), options.format)
    result = {
        "run": run,
        "folder": options.folder,
        "files": [path.name for path in files],
        "absent": [absent.title for absent in found.absent],
    }
    told = f"{len(found.figures)} figures of run {run} written to {options.folder}, each with its data as CSV"
    return result, told
