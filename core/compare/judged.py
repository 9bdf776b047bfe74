"""What the test questions of two runs have judged already, side by side; nothing new is judged."""

import pandas as pd

from core.store.judgements import JudgementStore


def judged_beside(log: JudgementStore, run: str, other: str) -> pd.DataFrame:
    """The configurations that both runs' test questions have judged, of a probe trained on each itself.

    The log keeps AUROCs without intervals, so that a difference has none either. Of one configuration that a
    run judged several times, with other decisions, say, the last counts.

    Returns:
        Columns configuration (in words), one, other and difference.
    """
    one, two = (
        {entry.what: entry.auroc for entry in log.of(name) if entry.trained == name} for name in (run, other)
    )
    rows = [(what, auroc, two[what], auroc - two[what]) for what, auroc in one.items() if what in two]
    return pd.DataFrame(rows, columns=["configuration", "one", "other", "difference"])
