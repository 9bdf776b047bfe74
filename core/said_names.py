"""What was said and what is true, by the choices' names, as people read answers."""

import pandas as pd

from core.open_answers import not_judged
from core.store.runs import Run


def said_names(run: Run, frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    """What was said ("none" where no choice was) and the truth, by the choices' names; "–" if not judged."""
    names = run.facts["choices"]
    if not_judged(frame).any():
        return ["–"] * len(frame), ["–"] * len(frame)
    said = ["none" if pd.isna(value) else names[int(value)] for value in frame["said"]]
    return said, [names[int(value)] for value in frame["label"]]
