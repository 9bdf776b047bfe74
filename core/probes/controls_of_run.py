"""All that a probe on a stored run must beat, by name, with or without the probe.

Without one nothing is fitted to the states, and no configuration is logged: what the controls come to says
beforehand what a probe would have to show.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import ProbeError
from core.own_report.of_probe import OWN_REPORT
from core.own_report.scores import own_report_scores
from core.probes.by_layer import ONE_CLASS, ProbeReport
from core.probes.controls import Null
from core.probes.metrics import Area, Control, area
from core.probes.of_run import known_report, states_for
from core.probes.rivals import rival_scores
from core.probes.rows import ProbeSettings, choose_rows, with_target
from core.probes.words_of_run import words_of_run
from core.store.runs import RunStore

COLUMNS = [
    "control",
    "auroc",
    "low",
    "high",
    "n",
    "positive",
    "margin",
    "margin_low",
    "margin_high",
    "absent",
]


@dataclass(frozen=True)
class ControlsOfRun:
    """What the controls come to on the test answers of the settings' mode.

    Attributes:
        controls: by name; with the probe's margin where it was judged.
        absent: by name of one that is not to be had, why.
        probe: the judged probe's figure; None where there is none of these settings yet.
        null: of that probe.
    """

    controls: dict[str, Area | Control]
    absent: dict[str, str]
    probe: Area | None
    null: Null | None

    def __repr__(self) -> str:
        found = [f"{name.replace('_', ' ')} {made.auroc:.3f}" for name, made in self.controls.items()]
        absent = f"; absent: {', '.join(self.absent).replace('_', ' ')}" if self.absent else ""
        return f"ControlsOfRun: AUROC of {', '.join(found) or 'none'}{absent}"

    @staticmethod
    def of_report(report: ProbeReport) -> "ControlsOfRun":
        """Those that a judged probe stands beside."""
        null = report.controls.get("permuted")
        return ControlsOfRun(
            {name: found for name, found in report.controls.items() if isinstance(found, Control)},
            report.absent,
            report.chosen.test,
            null if isinstance(null, Null) else None,
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a control, absent ones last, with the columns `COLUMNS`; margins are of the probe."""
        rows = []
        for name, found in self.controls.items():
            row = {"control": name, "auroc": found.auroc, "low": found.ci[0], "high": found.ci[1]}
            row |= {"n": found.n, "positive": found.positive}
            if isinstance(found, Control):
                less, more = found.margin.ci
                row |= {"margin": found.margin.value, "margin_low": less, "margin_high": more}
            rows.append(row)
        rows += [{"control": name, "absent": why} for name, why in self.absent.items()]
        return pd.DataFrame(rows, columns=COLUMNS)


def controls_of_run(
    store: RunStore, run: str, settings: ProbeSettings, test_run: str | None = None
) -> ControlsOfRun:
    """Every control on a run's test answers, or on another run's.

    Args:
        settings: of the probe; without a judged one only target, position, modes and seed count.

    Raises:
        ProbeError, StoreError: see `choose_rows`, `states_for` and `RunStore`.
    """
    report = known_report(store, run, settings, test_run) or known_report(
        store, run, settings.without_null(), test_run
    )
    if report is not None:
        return ControlsOfRun.of_report(report)
    frame = _answers(store, run, settings)
    judged = frame if test_run is None else _answers(store, test_run, settings)
    rows = choose_rows(frame, settings, None if test_run is None else judged)
    rivals = rival_scores(frame, judged, rows, settings.target, words_of_run(store.cache, store.run(run)))
    scores, absent = dict(rivals.scores), dict(rivals.absent)
    part = judged.iloc[rows.test]
    validation = frame["answer"].to_numpy()[np.concatenate(list(rows.validation.values()))]
    try:
        scores[OWN_REPORT] = own_report_scores(
            store, run, test_run or run, settings.target, validation, part["answer"].to_numpy()
        )
    except ProbeError as why:
        absent[OWN_REPORT] = str(why)
    found: dict[str, Area | Control] = {}
    for name, values in scores.items():
        known = ~np.isnan(values)
        target, groups = part["target"].to_numpy()[known], part["group"].to_numpy()[known]
        if len(set(target)) < 2:
            absent[name] = ONE_CLASS
        else:
            found[name] = area(target, values[known], groups)
    return ControlsOfRun(found, absent, None, None)


def _answers(store: RunStore, run: str, settings: ProbeSettings) -> pd.DataFrame:
    frame = states_for(store, run, settings)[0]
    return with_target(frame, settings.target).reset_index(drop=True)
