"""`telltale transfer`."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from core.commands.engine import engine
from core.commands.options import Result
from core.commands.probing import probe_settings
from core.csv_text import to_csv
from core.probes.methods import method_named
from core.probes.transfer import to_frame
from core.probes.transfer import transfer as matrix
from core.progress import shown_in_percent
from core.store.runs import RunStore


def transfer(cache: Path, options: Namespace) -> Result:
    """A probe trained on each run, judged on every one."""
    store = RunStore(cache)
    modes = tuple(dict.fromkeys(options.judge_mode or ("lie",)))
    with engine(options), shown_in_percent() as show:
        settings = replace(probe_settings(options), permutations=0)
        cells = matrix(store, options.runs, settings, modes, progress=show)
    frame = to_frame(cells)
    if options.csv:
        to_csv(frame, options.csv)
    lines = [
        f"{settings.method} probe of {settings.target} at {settings.position}, trained on {settings.train}, "
        f"layer by rule {settings.rule}; the diagonal is cross-validated",
        method_named(settings.method).sentence,
        "trained on    judged on     mode     AUROC  95 % interval    n      layer",
    ]
    for cell in cells:
        figure = f"–  {cell.why}"
        if cell.area is not None:
            low, high = cell.area.ci
            layers = ", ".join(map(str, sorted(set(cell.layers))))
            figure = f"{cell.area.auroc:.3f}  {low:.3f} to {high:.3f}  {cell.area.n:>5}  {layers}"
        lines.append(f"{cell.trained}  {cell.judged}  {cell.mode:<7}  {figure}")
    result = {
        "sign": method_named(settings.method).sign,
        "cells": frame.astype(object).where(frame.notna(), None).to_dict("records"),
    }
    return result, "\n".join(lines)
