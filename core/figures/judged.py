"""Which probes a run's test questions have judged: from the log, with the reports that are still kept.

Nothing is judged here: a report is read where it is on the disk, and is of no use once answers or decisions
have changed. The log's own figure stays.
"""

import re
from dataclasses import dataclass, replace

from core.errors import ProbeError
from core.probes.by_layer import ProbeReport
from core.probes.of_run import configuration_of, in_words, known_report
from core.probes.rows import ProbeSettings
from core.store.judgements import JudgementStore, LoggedJudgement
from core.store.runs import RunStore

NULLS = (100, 1000, 500, 200, 50, 20, 10, 0)
"""How often a null is asked to repeat the probe: the log does not say, and reports are kept by it."""
WORDS = re.compile(r"(\S+) of (\S+) at (\S+), (\S+) to (\S+), layer by (\S+), seed (\d+)")


@dataclass(frozen=True, eq=False)
class JudgedProbe:
    """One configuration that was judged.

    Attributes:
        report: None where it is no longer kept, or answers or decisions have changed since.
    """

    logged: LoggedJudgement
    report: ProbeReport | None


def judged_probes(store: RunStore, run: str) -> list[JudgedProbe]:
    """Every probe that was judged on a run's test questions, the first first."""
    return [_with_report(store, logged) for logged in JudgementStore(store.cache).of(run)]


def settings_in(words: str) -> ProbeSettings | None:
    """The settings that `core.probes.of_run.in_words` wrote, without a null; None where they prune otherwise.

    So does what this version cannot fit.
    """
    found = WORDS.fullmatch(words)
    if found is None:
        return None
    method, target, position, train, test, rule, seed = found.groups()
    try:
        settings = ProbeSettings(method, target, position, train, test, int(seed), 0, rule)
    except ProbeError:
        return None
    return settings if in_words(settings) == words else None


def _with_report(store: RunStore, logged: LoggedJudgement) -> JudgedProbe:
    settings = settings_in(logged.what)
    known = {record.run for record in store.runs()}
    if settings is None or not {logged.trained, logged.judged} <= known:
        return JudgedProbe(logged, None)
    other = None if logged.judged == logged.trained else logged.judged
    if configuration_of(store, logged.trained, settings, other) != logged.configuration:
        return JudgedProbe(logged, None)
    for permutations in NULLS:
        asked = replace(settings, permutations=permutations)
        if (report := known_report(store, logged.trained, asked, other)) is not None:
            return JudgedProbe(logged, report)
    return JudgedProbe(logged, None)
