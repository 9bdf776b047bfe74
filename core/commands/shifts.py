"""`telltale shifts`."""

from argparse import Namespace
from pathlib import Path

from core.commands.options import Result
from core.commands.probing import probe_settings
from core.csv_text import to_csv
from core.probes.shifts_figures import ALONE, WITH_HALF, ShiftFigure
from core.probes.shifts_of_runs import shifts_of_runs
from core.progress import shown_in_percent
from core.store.runs import RunStore


def shifts(cache: Path, options: Namespace) -> Result:
    """A probe of one run, judged on the same test questions asked in other ways."""
    store, settings = RunStore(cache), probe_settings(options)
    with shown_in_percent() as show:
        found = shifts_of_runs(store, options.run, options.shifted, settings, progress=show)
    frame = found.to_frame()
    if options.csv:
        to_csv(frame, options.csv)
    alone, notes = found.trainings[0], found.notes()
    result = {
        "run": alone.runs[0],
        "layer": alone.layer,
        "n_train": alone.n_train,
        **alone.unshifted.to_json(),
        "shifts": frame.to_dict("records"),
        "halves": [list(training.shifts) for training in found.trainings[1:]],
        "n_dropped": found.n_dropped,
        "notes": notes,
        "sentence": found.sentence(),
    }
    lines = [
        f"{settings.method} probe of {settings.target} at {settings.position}, trained on {settings.train}, "
        f"layer by rule {settings.rule}, judged on {settings.test}; {found.n_dropped} answers pruned",
        "shift                     AUROC  95 % interval       n  was    drop    95 % interval     questions",
    ]
    for regime in (ALONE, WITH_HALF):
        if figures := found.of_regime(regime):
            lines += [f"trained on {regime}", *map(_row, figures)]
    return result, "\n".join([*lines, *notes, found.sentence()])


def _row(figure: ShiftFigure) -> str:
    (low, high), (least, most) = figure.area.ci, figure.drop.ci
    gain = ""
    if figure.gain is not None:
        gain = "   better by {:+.3f}, {:+.3f} to {:+.3f}".format(figure.gain.value, *figure.gain.ci)
    return (
        f"  {figure.shift:<22}  {figure.area.auroc:.3f}  {low:.3f} to {high:.3f}  {figure.area.n:>4}  "
        f"{figure.unshifted.auroc:.3f}  {figure.drop.value:+.3f}  {least:+.3f} to {most:+.3f}  "
        f"{figure.drop.questions:>5}{gain}"
    )
