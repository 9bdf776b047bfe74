"""`telltale lie-score`."""

from argparse import Namespace
from pathlib import Path

from core.commands.options import Result
from core.csv_text import to_csv
from core.probes.lie_judgements import Judgement, cells
from core.probes.lie_score import CENTRINGS, LieScoreSettings
from core.probes.lie_score_of_run import lie_score_of_run
from core.probes.read_or_said_of_run import last_common_layer
from core.progress import shown_in_percent
from core.store.runs import RunStore


def lie_score(cache: Path, options: Namespace) -> Result:
    """How far what is said departs from what is read, and what that tells apart."""
    store = RunStore(cache)
    run = store.run(options.run)
    flip_run = store.run(options.flip_run).run if options.flip_run else None
    settings = LieScoreSettings(
        options.position, options.layer, options.layer_rule, options.centring, options.seed
    )
    with shown_in_percent() as show:
        report = lie_score_of_run(store, run.run, settings, flip_run, progress=show)
    if options.csv:
        to_csv(report.scores, options.csv)
    table = cells(report.scores)
    common = last_common_layer(run)
    how = "named" if settings.layer is not None else f"chosen by rule {settings.rule}, no lies used"
    lines = [
        f"position {settings.position}; {report.at_layers}, {how}; {CENTRINGS[settings.centring]}",
        "cell               n    share  95 % interval   median score",
    ]
    for row in table.to_dict("records"):
        median = "–" if row["n"] == 0 else f"{row['median']:+.2f}"
        lines.append(
            f"{row['cell']:<14} {row['n']:>5,}    {row['share']:.2f}   {row['low']:.2f} to {row['high']:.2f}"
            f"    {median}"
        )
    lines += [line for judgement in report.judgements for line in _lines(judgement)]
    left_out = [f"{n:,} {mode}" for mode, n in report.no_choice.items() if n]
    if left_out:
        lines.append(f"answers without a choice, left out: {', '.join(left_out)}")
    if report.belief_unsure:
        lines.append(
            f"answers under lie, neither lies nor failed lies, belief unsure: {report.belief_unsure:,}"
        )
    if common is not None and max(report.layers) <= common:
        lines.append("at this layer the model cannot differ from the one that it was adapted from")
    result = {
        "run": run.run,
        "flip_run": flip_run,
        "position": settings.position,
        "layers": dict(report.layers),
        "layer_rule": None if settings.layer is not None else settings.rule,
        "centring": settings.centring,
        "last_common_layer": common,
        "no_choice": dict(report.no_choice),
        "belief_unsure": report.belief_unsure,
        "cells": table.to_dict("records"),
        "judgements": [judgement.to_json() for judgement in report.judgements],
        "sentence": report.sentence,
    }
    return result, "\n".join([*lines, report.beside, report.sentence])


def _lines(judgement: Judgement) -> list[str]:
    if judgement.probe is None:
        return [f"{judgement.title}: not judged, {judgement.refused}"]
    low, high = judgement.probe.ci
    lines = [
        f"{judgement.title}: AUROC {judgement.probe.auroc:.3f}  {low:.3f} to {high:.3f}  "
        f"(n {judgement.positive:,} and {judgement.negative:,}, {judgement.groups:,} groups)"
    ]
    if judgement.text is not None:
        low, high = judgement.text.ci
        less, more = judgement.text.margin.ci
        lines.append(
            f"    words alone AUROC {judgement.text.auroc:.3f}  {low:.3f} to {high:.3f}   probe above it by "
            f"{judgement.text.margin.value:+.3f}, {less:+.3f} to {more:+.3f}"
        )
    return lines
