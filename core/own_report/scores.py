"""A model's own reports as a control: calibrated, and turned to what a probe is to read."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from core.calibration import Calibration, fit_labelled
from core.errors import ProbeError
from core.own_report.store import OwnReportStore
from core.store.runs import RunStore

FEWEST = 10
SIGN = {"said_true": 1.0, "lie": -1.0, "mode": -1.0}
"""By target, which way a report that the answer was true points."""
REPORTED = ("truth", *SIGN)
"""The targets that a report says something of; of the truth together with the choice that was said."""


def calibrate(log_odds: Sequence[float], said_true: Sequence[int]) -> Calibration:
    """The curve from a report's log-odds to whether what was said is true.

    It is fitted under honest, and the share of true answers there is in it: under lie, where fewer are true,
    it believes the model too readily. A model that is right, or wrong, every time gives no curve: then the
    offset is the one with which the mean probability is the share of true answers with one more of each kind.

    Source: Platt 1999, see `core.calibration.fit_labelled`.
    """
    if len(set(said_true)) == 2:
        return fit_labelled(log_odds, said_true, "honest")
    values = np.asarray(log_odds, dtype=float)
    share = (sum(said_true) + 1) / (len(said_true) + 2)
    far = float(np.abs(values).max()) + 50.0
    offset = brentq(lambda at: float(expit(values - at).mean()) - share, -far, far)
    return Calibration("platt", "honest", float(offset), 1.0, len(values), rises=False)


def own_report_scores(
    store: RunStore, run: str, judged: str, target: str, validation: np.ndarray, answers: np.ndarray
) -> np.ndarray:
    """The control's score for each answer, nats, (answers,); NaN where nothing was said.

    Calibrated on reports about honest answers that chose the probe's layer. P(what was said is true) becomes,
    for target `truth`, that of the choice that was said; for `said_true` it is the score, for `lie` and
    `mode` its opposite.

    Args:
        run: the one that the probe was trained on; judged: the one that it is judged on.
        validation: answers of the first that chose the layer; answers: of the second, to be scored.

    Raises:
        ProbeError: there is no such control; says why.
    """
    if target not in REPORTED:
        raise ProbeError(f"whether it was true says nothing of target {target!r}")
    reports = OwnReportStore(store.cache)
    there = reports.beside(judged, answers).reindex(answers)
    said = there["said"].to_numpy(dtype=float)
    asked = there["log_odds"].notna().to_numpy()
    if missing := int((~np.isnan(said) & ~asked).sum()):
        raise ProbeError(
            f"the model was not asked about {missing:,} of these {len(answers):,} answers yet: ask it with "
            f"`telltale controls {judged} --own-report`"
        )
    here = reports.beside(run, validation).reindex(validation)
    here = here[(here["mode"] == "honest") & here["log_odds"].notna()]
    if len(here) < FEWEST:
        raise ProbeError(
            f"it is calibrated on reports about honest validation answers of run {run}, and there are "
            f"{len(here)} of them: {FEWEST} are needed"
        )
    true = (here["said"] == here["label"]).astype(int).tolist()
    curve = calibrate(here["log_odds"].tolist(), true)
    certainty = curve.slope * (there["log_odds"].to_numpy() - curve.offset)
    return certainty * (np.where(said == 1, 1.0, -1.0) if target == "truth" else SIGN[target])
