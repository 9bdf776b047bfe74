"""Figures of what people's decisions do: rates, and a probe trained before and after."""

from core.charts.pruning import side_by_side
from core.figures.answers import AS_LEFT, rate_lines
from core.figures.figure import Absent, Answered, Drawn, RunFigure
from core.probes.of_run import known_report
from core.probes.rows import ProbeSettings, default_modes
from core.pruning.effect import probe_areas, rates

SECTION = "Pruning"
TESTS = {
    "whole": "whole test set",
    "pruned": "test set without what was dropped",
    "known": "test set, known questions",
}


def figures_of_pruning(at: Answered) -> Drawn:
    """Before and after; the probes only where both were judged before."""
    dropped, outcome = (int(at.labelled[name].sum()) for name in ("dropped", "dropped_outcome"))
    if not dropped and not outcome:
        return [
            Absent(SECTION, "Before and after pruning", "nothing is dropped: before and after are the same")
        ]
    return [*_rates(at, dropped, outcome), *_probes(at)]


def _rates(at: Answered, dropped: int, outcome: int) -> Drawn:
    lines = rate_lines(rates(at.judged, at.labelled), {"none": "before", AS_LEFT: "after quality drops"})
    if lines["value"].isna().all():
        return []
    caption = (
        f"{dropped:,} answers are dropped from all data and {outcome:,} from training data alone. Those "
        "dropped for their outcome count in these rates: a rate of lies among answers picked for being lies "
        f"says nothing. 95 % intervals over groups; n {int(lines['n'].max()):,} at most, that of each in the "
        "table."
    )
    chart = side_by_side(lines, "share of readable answers (95 % interval)", "rate")
    table = lines.rename(columns={"value": "share"})
    command = f"telltale runs show {at.run.run}"
    return [
        RunFigure("rates-before-and-after", SECTION, "Rates before and after", caption, chart, table, command)
    ]


def _probes(at: Answered) -> Drawn:
    title = "A probe, trained before and after"
    train, test = default_modes(at.labelled["mode"].unique())
    settings = ProbeSettings(train=train, test=test, permutations=0)
    before = known_report(at.store, at.run.run, settings, pruned=False)
    after = known_report(at.store, at.run.run, settings, test_pruned=False)
    if before is None:
        why = (
            "the Prune page judges it, under “Before and after”, and did not for the decisions as they stand"
        )
        return [Absent(SECTION, title, why)]
    table = probe_areas(before, after, at.labelled)
    lines = table.rename(columns={"auroc": "value"}).assign(
        what=table["test"].map(TESTS), when="trained on " + table["trained"]
    )
    caption = (
        f"Logistic regression on truth, trained on {before.n_train:,} {train} answers"
        + (f" before and {after.n_train:,} after" if after is not None else "")
        + f", judged on {test} answers to questions that neither training nor the choice of the layer saw, "
        "with 95 % intervals over groups; n of each in the table. A gain on the pruned test set alone comes "
        "from what was taken out of it."
    )
    chart = side_by_side(lines, "AUROC of truth (95 % interval)", "judged on", 0.5)
    command = f"telltale probe {at.run.run} --train {train} --test {test} --permutations 0"
    return [RunFigure("probe-before-and-after", SECTION, title, caption, chart, table, command)]
