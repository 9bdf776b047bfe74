"""Before and after pruning: what is left of each cell, the rates, and a probe on whole and pruned test sets.

Pruning on what is measured makes the measure. So rates always count the answers that were dropped for their
outcome, and every probe, trained on pruned answers or not, is judged on the whole test set beside the pruned.
"""

import pandas as pd

from core.labels import mode_summary
from core.probes.by_layer import ProbeReport
from core.probes.metrics import Area
from core.probes.of_run import area_among


def counts_by_cell(labelled: pd.DataFrame) -> pd.DataFrame:
    """Answers by mode and truth.

    Returns:
        Columns mode, label (0 or 1), before, test (left where drops reach test data) and training (left
        where all drops count).
    """
    dropped, outcome = labelled["dropped"], labelled["dropped_outcome"]
    marked = labelled.assign(
        before=1, test=(~dropped).astype(int), training=(~dropped & ~outcome).astype(int)
    )
    return marked.groupby(["mode", "label"], as_index=False, sort=False)[["before", "test", "training"]].sum()


def rates(judged: pd.DataFrame, labelled: pd.DataFrame) -> pd.DataFrame:
    """Honest accuracy, answers that are untrue under lie, and lies: without and with the decisions.

    Args:
        judged: without any decision.
        labelled: the same with decisions; outcome drops count in the rates all the same.

    Returns:
        Columns rate, questions (`all`, `known`), decisions (`none`, `these`), share (None without answers),
        low, high (95 %) and n.
    """
    rows = []
    undecided = judged.assign(dropped=False, reason="")
    for decisions, frame in (("none", undecided), ("these", labelled)):
        for mode, what in (("honest", "honest accuracy"), ("lie", "untrue under lie"), ("lie", "lies")):
            whole = mode_summary(frame, mode)
            for questions, found in (("all", whole), ("known", whole["known"])):
                share, ci, n = (
                    (found["lies"], found["lies_ci"], found["lies_n"])
                    if what == "lies"
                    else (found["as_instructed"], found["ci"], found["readable"])
                )
                low, high = ci or (None, None)
                rows.append((what, questions, decisions, share, low, high, n))
    columns = ["rate", "questions", "decisions", "share", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)


def probe_areas(before: ProbeReport, after: ProbeReport | None, labelled: pd.DataFrame) -> pd.DataFrame:
    """A probe's AUROC, trained without and with the decisions, on several cuts of one test set.

    Args:
        before: trained on all answers; judged on the whole test set.
        after: trained on what is left; judged on the whole test set too. None where that has one class only
            (see `core.pruning.lost`): then there are no rows of it.
        labelled: the run's answers with decisions.

    Returns:
        Columns trained (`all answers`, `what is left`), test (`whole`, `pruned`: without anything that was
        dropped, `known`: the whole set's answers about what the model knows), auroc, low, high (95 %; NaN
        where a class is missing), n, layer and n_train.
    """
    left = labelled[~labelled["dropped"] & ~labelled["dropped_outcome"]]
    cuts = {"whole": labelled, "pruned": left, "known": labelled[labelled["knows"] == 1]}
    rows = []
    reports = [("all answers", before)] + ([] if after is None else [("what is left", after)])
    for trained, report in reports:
        for test, part in cuts.items():
            n = int(report.predictions["answer"].isin(part["answer"]).sum())
            found = area_among(report, part) or Area(float("nan"), (float("nan"), float("nan")), n, 0)
            rows.append((trained, test, found.auroc, *found.ci, n, report.layer, report.n_train))
    columns = ["trained", "test", "auroc", "low", "high", "n", "layer", "n_train"]
    return pd.DataFrame(rows, columns=columns)
