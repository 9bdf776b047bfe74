"""Answers as people read them: names in place of numbers."""

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


def answer_rows(run: Run, frame: pd.DataFrame) -> pd.DataFrame:
    """Answers as people read them: answer, question, claim (in claim form), mode, said, truth, verdict."""
    said, truth = said_names(run, frame)
    table = pd.DataFrame(
        {
            "answer": frame["answer"],
            "question": frame["text"],
            "mode": frame["mode"],
            "said": said,
            "truth": truth,
            "verdict": frame["verdict"],
        }
    )
    if frame["claim"].notna().any():
        table.insert(2, "claim", frame["claim"])
    return table
