"""`telltale sweep`."""

from argparse import Namespace
from pathlib import Path

from core.commands.engine import engine
from core.commands.options import Result
from core.csv_text import to_csv
from core.probes.crossed import Crossed, CrossedCell
from core.probes.crossed_of_runs import crossed_of_runs
from core.probes.crossed_rows import DEFAULT_METHODS, CrossedSettings
from core.probes.variance import Component
from core.progress import shown_in_percent
from core.store.runs import RunStore


def sweep(cache: Path, options: Namespace) -> Result:
    """A grid of wording × source × method × layer, and what its figures hang on."""
    store = RunStore(cache)
    settings = CrossedSettings(
        tuple(options.method or DEFAULT_METHODS),
        options.target,
        options.position,
        options.train,
        options.test,
        options.seed,
        options.layer_step,
    )
    with engine(options), shown_in_percent() as show:
        grid = crossed_of_runs(store, options.runs, settings, progress=show)
    frame, found = grid.to_frame(), grid.decomposition()
    if options.csv:
        to_csv(frame, options.csv)
    sentence, notes = grid.sentence(), [*found.notes(), *_clipped(grid)]
    result = found.to_json() | {
        "cells": frame.to_dict("records"),
        "levels": grid.levels(),
        "sampling_variance": grid.sampling_variance,
        "at_chance": grid.at_chance,
        "clipped": grid.clipped,
        "n_dropped": grid.n_dropped,
        "notes": notes,
        "sentence": sentence,
    }
    lines = [
        f"probe of {settings.target} at {settings.position}, trained on {settings.train}, judged on "
        f"{settings.test} in five folds by group; {len(grid.cells)} cells, {grid.at_chance} with 0.5 in "
        f"their interval; {grid.n_dropped} answers pruned",
        *(f"{factor}s: {', '.join(map(str, levels))}" for factor, levels in grid.levels().items()),
        f"from {_in_words(min(grid.cells, key=_auroc))}",
        f"to   {_in_words(max(grid.cells, key=_auroc))}",
        "part               variance  95 % interval        share  95 % interval",
        *map(_row, found.components),
        f"sampling error     {grid.sampling_variance:>8.3f}  of the answers that judge a cell, in the mean; "
        "what cells of one source share of it counts as the source's",
        *notes,
        sentence,
    ]
    return result, "\n".join(lines)


def _row(part: Component) -> str:
    (least, most), (low, high) = part.variance_ci, part.ci
    interval = f"{least:.3f} to {most:.3g}"
    return (
        f"{part.name:<17}  {part.variance:>8.3f}  {interval:<19}  {part.share:>5.0%}  {low:.0%} to {high:.0%}"
    )


def _clipped(grid: Crossed) -> list[str]:
    if not grid.clipped:
        return []
    return [
        f"{grid.clipped} of {len(grid.cells)} AUROCs are nearer to 0 or 1 than 1/(2n), and are taken for that"
    ]


def _auroc(cell: CrossedCell) -> float:
    return cell.area.auroc


def _in_words(cell: CrossedCell) -> str:
    low, high = cell.area.ci
    return (
        f"AUROC {cell.area.auroc:.3f} ({low:.3f} to {high:.3f}; n {cell.area.n}, {cell.area.positive} "
        f"positive): {cell.source}, wording {cell.wording}, {cell.method}, layer {cell.layer}"
    )
