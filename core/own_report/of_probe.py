"""Lays the model's own reports over a probe's report, where they were asked for after it was judged."""

from dataclasses import replace

from core.errors import ProbeError
from core.own_report.scores import own_report_scores
from core.probes.by_layer import ONE_CLASS, ProbeReport
from core.probes.controls import against
from core.store.runs import RunStore

OWN_REPORT = "own_report"


def with_own_report(store: RunStore, report: ProbeReport, run: str, judged: str) -> ProbeReport:
    """The report with the control `own_report` in it, or with why there is none.

    Args:
        run: the one that the probe was trained on; judged: the one that it was judged on.
    """
    part = report.everywhere
    try:
        scores = own_report_scores(
            store,
            run,
            judged,
            report.settings.target,
            report.validation_answers,
            part["answer"].to_numpy(),
        )
    except ProbeError as why:
        return replace(
            report,
            controls=report.controls | {OWN_REPORT: None},
            absent=report.absent | {OWN_REPORT: str(why)},
        )
    target, probe, groups = (part[name].to_numpy() for name in ("target", "score", "group"))
    tested = part["answer"].isin(report.predictions["answer"]).to_numpy()
    found = against(target[tested], probe[tested], scores[tested], groups[tested])
    pooled = against(target, probe, scores, groups)
    return replace(
        report,
        controls=report.controls | {OWN_REPORT: found},
        absent=report.absent if found else report.absent | {OWN_REPORT: ONE_CLASS},
        pooled=report.pooled
        if pooled is None
        else replace(report.pooled, controls={**report.pooled.controls, OWN_REPORT: pooled}),
    )
