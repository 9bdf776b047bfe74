"""`telltale controls`."""

from argparse import Namespace
from pathlib import Path

from core.commands.options import Result
from core.commands.probing import probe_settings
from core.csv_text import to_csv
from core.own_report.asking import ask_own_reports
from core.probes.controls_of_run import ControlsOfRun, controls_of_run
from core.progress import shown_in_percent
from core.store.runs import RunStore


def controls(cache: Path, options: Namespace) -> Result:
    """All that a probe must beat on a run's test answers; asks the model itself where that is wanted."""
    store = RunStore(cache)
    run = store.run(options.run).run
    other = store.run(options.test_run).run if options.test_run else None
    asked = 0
    if options.own_report:
        for name in dict.fromkeys((run, other or run)):
            with shown_in_percent() as show:
                asked += ask_own_reports(store, name, progress=show)
    settings = probe_settings(options)
    found = controls_of_run(store, run, settings, other)
    frame = found.to_frame()
    if options.csv:
        to_csv(frame, options.csv)
    lines = [
        f"controls of {settings.target}, taught on {settings.train}, judged on {settings.test}, "
        f"seed {settings.seed}",
        *([f"the model was asked about {asked:,} answers"] if options.own_report else []),
        *_probe_lines(found, settings.method),
        "control            AUROC  95 % interval       n  positive",
        *map(_line, frame.to_dict("records")),
    ]
    result = {
        "run": run,
        "test_run": other or run,
        "target": settings.target,
        "train": settings.train,
        "test": settings.test,
        "position": settings.position,
        "seed": settings.seed,
        "asked": asked,
        "probe": None if found.probe is None else {"method": settings.method, **found.probe.to_json()},
        "permuted": None if found.null is None else found.null.to_json(),
        "controls": {name: control.to_json() for name, control in found.controls.items()},
        "absent": found.absent,
    }
    return result, "\n".join(lines)


def _probe_lines(found: ControlsOfRun, method: str) -> list[str]:
    if found.probe is None:
        return ["no probe of these settings was judged yet: margins come with `telltale probe`"]
    low, high = found.probe.ci
    lines = [
        f"{method} probe: AUROC {found.probe.auroc:.3f}  {low:.3f} to {high:.3f}  (n {found.probe.n}, "
        f"{found.probe.positive} positive)"
    ]
    if found.null is not None:
        null = found.null.to_json()
        low, high = null["auroc_ci"]
        lines.append(
            f"permuted labels: AUROC {null['auroc']:.3f}  {low:.3f} to {high:.3f}  "
            f"(p {null['p_value']:.3f}, {null['permutations']} ×)"
        )
    return lines


def _line(row: dict) -> str:
    name = row["control"].replace("_", " ")
    if isinstance(row["absent"], str):
        return f"{name:<17}  absent: {row['absent']}"
    margin = ""
    if row["margin"] == row["margin"]:
        margin = (
            f"   probe above it by {row['margin']:+.3f}, {row['margin_low']:+.3f} to "
            f"{row['margin_high']:+.3f}"
        )
    return (
        f"{name:<17}  {row['auroc']:.3f}  {row['low']:.3f} to {row['high']:.3f}  {row['n']:>6,.0f}  "
        f"{row['positive']:>8,.0f}{margin}"
    )
