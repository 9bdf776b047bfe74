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


def with_answers(points: pd.DataFrame, run: Run, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A layer's points with what people read of each answer, and the answers' rows in the same order.

    Args:
        points: with a column `answer`; those of answers that the frame lacks are left out.
        frame: the run's labelled answers.
    """
    points = points[points["answer"].isin(frame["answer"])].reset_index(drop=True)
    rows = frame.set_index("answer").loc[points["answer"]].reset_index()
    said, truth = said_names(run, rows)
    shown = {name: rows[name] for name in ("mode", "text", "generated", "verdict")}
    return points.assign(**shown, said=said, truth=truth), rows
