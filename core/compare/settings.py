"""In which settings two runs differ, and in which they are alike."""

import json
from typing import Any

import pandas as pd

from core.store.runs import Run

FACTS = ("model", "adapter", "model_content", "layers", "d_model")
"""Of a run's facts those that say what was asked: the rest follows from these and the settings."""
ABSENT = "–"


def settings_beside(run: Run, other: Run) -> pd.DataFrame:
    """The settings of two runs and what their models are, a row each in the order of their names.

    Returns:
        Columns setting (those within others by `outer.inner`), one and other (as text, `–` where a run has no
        such setting) and alike.
    """
    one, two = (_flat(record.settings) | _facts(record) for record in (run, other))
    names = sorted(one.keys() | two.keys())
    rows = [(name, one.get(name, ABSENT), two.get(name, ABSENT)) for name in names]
    table = pd.DataFrame(rows, columns=["setting", "one", "other"])
    return table.assign(alike=table["one"] == table["other"])


def _facts(run: Run) -> dict[str, str]:
    return {name: _text(run.facts.get(name)) for name in FACTS}


def _flat(values: dict, before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = _text(value)
    return found


def _text(value: Any) -> str:
    if value is None:
        return ABSENT
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
