"""Answers made by hand, as a run's store gives them, for tests that need no model."""

import pandas as pd

KEYS = ("question", "mode", "wording", "order", "label", "said")


def answers(*rows: tuple, **changes) -> pd.DataFrame:
    """One answer per row of `KEYS`; whatever else an answer has is filled in, or taken from `changes`."""
    frame = pd.DataFrame(rows, columns=list(KEYS))
    frame["said"] = frame["said"].astype(float)
    filled = {
        "answer": range(len(frame)),
        "group": frame["question"],
        "text": frame["question"],
        "source": "made",
        "claim": None,
        "demo_set": 0,
        "sample": 0,
        "p_0": 0.4,
        "p_1": 0.4,
        "outside": 0.2,
        "generated": "",
    }
    return frame.assign(**(filled | changes))
