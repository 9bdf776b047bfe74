"""Some answers of each cell, to be read: mode by truth by what was said, drawn by a seed."""

from dataclasses import dataclass

import pandas as pd

from core.said_names import said_names
from core.store.runs import Run

EACH = 10
SEED = 0
MOST_CELLS = 60
LONGEST = 600
"""Characters of a question or answer that are shown."""


@dataclass(frozen=True, eq=False)
class AnswerCell:
    """One cell.

    Attributes:
        n: answers in it; `answers` shows `EACH` of them at most: answer, question, claim (in claim form),
            generated, verdict and decision.
    """

    title: str
    n: int
    answers: pd.DataFrame


def answer_cells(run: Run, labelled: pd.DataFrame) -> list[AnswerCell]:
    """The cells that have answers, in their order; dropped answers are among them, and say so.

    Args:
        labelled: with decisions; open answers are told apart by how they came out in place of truth and said.
    """
    said, truth = said_names(run, labelled)
    keys = pd.DataFrame({"mode": labelled["mode"], "truth": truth, "said": said}, index=labelled.index)
    if "outcome" in labelled:
        keys = keys[["mode"]].assign(outcome=labelled["outcome"])
    cells = [
        AnswerCell(
            " · ".join(f"{name}: {value}" for name, value in zip(keys.columns, values, strict=True)),
            len(rows),
            _shown(labelled.loc[rows.index]),
        )
        for values, rows in keys.groupby(list(keys.columns), sort=True)
    ]
    return cells[:MOST_CELLS]


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    drawn = rows.sample(min(EACH, len(rows)), random_state=SEED).sort_values("answer")
    decision = drawn["action"] + drawn["reason"].map(lambda reason: f": {reason}" if reason else "")
    table = pd.DataFrame(
        {
            "answer": drawn["answer"],
            "question": drawn["text"].map(cut),
            "generated": drawn["generated"].map(cut),
            "verdict": drawn["verdict"],
            "decision": decision,
        }
    )
    if drawn["claim"].notna().any():
        table.insert(2, "claim", drawn["claim"].map(cut))
    return table


def cut(text: object) -> str:
    """A text of which a report shows its beginning, and how long it is."""
    whole = "" if text is None else str(text)
    return whole if len(whole) <= LONGEST else f"{whole[:LONGEST]}… ({len(whole):,} characters)"
