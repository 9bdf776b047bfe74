"""`telltale steer`."""

from argparse import Namespace
from pathlib import Path

from core.commands.options import Result
from core.csv_text import to_csv
from core.progress import shown_in_percent
from core.steering.conditions import is_random
from core.steering.of_run import steer_run
from core.steering.outcome import SteerOutcome
from core.steering.settings import ALPHAS, SteerSettings
from core.store.runs import RunStore

COLUMNS = ("positive", "as_instructed", "lie", "outside")


def steer(cache: Path, options: Namespace) -> Result:
    """What a model says while a direction is added, projected out or patched."""
    store = RunStore(cache)
    run = store.run(options.run)
    settings = SteerSettings(
        layer=options.layer,
        how=options.how,
        where=options.positions,
        alphas=ALPHAS if options.alpha is None else tuple(options.alpha),
        method=options.method,
        target=options.target,
        n=options.n,
        random=options.random,
        seed=options.seed,
    )
    with shown_in_percent() as show:
        found = steer_run(store, run.run, settings, progress=show)
    if options.csv:
        to_csv(found.curves, options.csv)
    return {"run": run.run} | found.to_json(), "\n".join(_lines(found))


def _lines(found: SteerOutcome) -> list[str]:
    """The figures of the direction and its controls as a table, then the sentence."""
    s = found.settings
    asked = ", ".join(f"{n} {mode}" for mode, n in found.prompts.items())
    unit = f"; alpha 1 adds {found.norm:.1f}, a typical state's length" if s.how == "add" else ""
    lines = [
        f"layer {s.layer}, {s.how}, positions {s.where}; n {asked}, of {found.questions} test questions"
        + unit,
        f"{'direction':<28} {'alpha':>6} {'mode':<7}" + "".join(f"{name:>24}" for name in COLUMNS),
    ]
    table = found.curves[~found.curves["direction"].map(is_random)]
    for (direction, alpha, mode), part in table.groupby(["direction", "alpha", "mode"], sort=False):
        if mode == "text":
            continue
        cells = part.set_index("measure")
        lines.append(
            f"{direction:<28} {alpha:>6g} {mode:<7}"
            + "".join(f"{_cell(cells.loc[name]) if name in cells.index else '–':>24}" for name in COLUMNS)
        )
    return [*lines, *([found.cost()] if found.cost() else []), found.sentence()]


def _cell(row: dict) -> str:
    if not row["n"]:
        return "– (n 0)"
    return f"{row['value']:.2f} ({row['low']:.2f}–{row['high']:.2f}, n {row['n']})"
