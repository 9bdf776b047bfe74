"""What is stored of an answer with a state or a probability that is NaN or infinite: that, and no choice."""

import json
from collections.abc import Sequence

NOTHING = {
    "said": None,
    "said_start": -1,
    "said_end": -1,
    "p_0": 0.0,
    "p_1": 0.0,
    "outside": 0.0,
    "leans": 0,
    "leans_calibrated": 0,
    "offset": 0.0,
    "spellings": "[]",
    "top": "[]",
}
"""What the table wants of every answer; `RunStore.answers` gives NaN for the numbers."""


def not_finite_row(text: str, ids: Sequence[int]) -> dict:
    """The columns that such an answer has in common with every other, `not_finite` set."""
    return {"generated": text, "ids": json.dumps(list(ids)), **NOTHING, "not_finite": 1}
