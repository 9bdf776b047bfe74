"""All runs of a cache in one table, to look through and to search; no answer is read."""

from pathlib import Path

import pandas as pd

from core.store.remarks import Remarks, RemarkStore
from core.store.runs import RunStore

COLUMNS = (
    *("run", "state", "source", "template", "modes", "model", "adapter", "answers", "planned"),
    *("started", "tags", "note"),
)
SEARCHED = ("run", "state", "source", "template", "modes", "model", "adapter", "tags", "note")


def all_runs(store: RunStore) -> pd.DataFrame:
    """Every run, newest first.

    Returns:
        Columns run, state (see `Run`), source, template, modes (joined by commas), model, adapter (empty
        where there is none), answers (committed, of so many) planned, started (UTC, ISO 8601), tags (joined
        by blanks) and note.
    """
    remarks = RemarkStore(store.cache).all()
    rows = []
    for run in store.runs():
        said = remarks.get(run.run, Remarks())
        settings, facts = run.settings, run.facts
        rows.append(
            {
                "run": run.run,
                "state": run.state,
                "source": Path(settings["data"]["name"]).name,
                "template": settings["template"]["name"],
                "modes": ", ".join(settings["modes"]),
                "model": facts["model"],
                "adapter": facts["adapter"] or "",
                "answers": run.answers,
                "planned": run.planned,
                "started": run.started,
                "tags": " ".join(said.tags),
                "note": said.note,
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def matching(runs: pd.DataFrame, text: str) -> pd.DataFrame:
    """The runs in which every word of a text is found, in capitals or not; all of them for none.

    Args:
        runs: of `all_runs`; searched are its columns of text, the time aside.
    """
    words = text.casefold().split()
    whole = [" ".join(map(str, row)).casefold() for row in runs[list(SEARCHED)].itertuples(index=False)]
    return runs[[all(word in line for word in words) for line in whole]]
