"""Answers as people read them: names in place of numbers."""

import pandas as pd

from core.said_names import said_names
from core.store.runs import Run


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
