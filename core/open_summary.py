"""How open answers came out, mode by mode: the shares of right, wrong, refused and unreadable ones.

Answers to ordinary conversation are counted as not judged, and as nothing else.
"""

import pandas as pd

from core.labels import before_outcome_pruning, share_with_interval
from core.open_answers import NOT_JUDGED, OUTCOMES, not_judged


def outcome_table(labelled: pd.DataFrame) -> pd.DataFrame | None:
    """One row for each mode and outcome; None for a run of choices.

    Answers dropped for quality are left out.

    Args:
        labelled: what `label_answers` gives.

    Returns:
        Columns mode, outcome, count, n (the mode's answers), share, low, high (95 %, by groups).
    """
    if "outcome" not in labelled:
        return None
    outcomes = (NOT_JUDGED,) if not_judged(labelled).all() else OUTCOMES
    rows = []
    for mode, part in labelled[before_outcome_pruning(labelled)].groupby("mode", sort=True):
        for outcome in outcomes:
            is_so = (part["outcome"] == outcome).astype(float)
            share, (low, high) = share_with_interval(is_so, part["group"])
            row = {"mode": mode, "outcome": outcome, "count": int(is_so.sum()), "n": len(part)}
            rows.append(row | {"share": share, "low": low, "high": high})
    return pd.DataFrame(rows, columns=["mode", "outcome", "count", "n", "share", "low", "high"])
