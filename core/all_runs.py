"""All runs of a cache in one table, to look through and to search, and its trash in another; no answers."""

import json
from functools import lru_cache
from pathlib import Path

import pandas as pd

from core.store.journal import Journal
from core.store.remarks import Remarks, RemarkStore
from core.store.runs import RunStore
from core.store.trash import Trash, Trashed

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
    return runs[pd.Series([all(word in line for word in words) for line in whole], runs.index, dtype=bool)]


def trashed_runs(cache: Path) -> pd.DataFrame:
    """What is in the trash, the last deleted first.

    Returns:
        Columns name (of the entry), run, deleted (UTC, ISO 8601), source, template and model; these are empty
        where no journal tells of them.
    """
    rows = [(entry.name, entry.run, entry.at, *_asked(entry)) for entry in Trash(cache).entries()]
    return pd.DataFrame(rows, columns=["name", "run", "deleted", "source", "template", "model"])


@lru_cache(maxsize=1024)
def _asked(entry: Trashed) -> tuple[str, str, str]:
    """Source, template and model of a run in the trash, from the first lines of its journal."""
    for kind, content in Journal(entry.folder).entries():
        if kind == "run":
            settings, facts = json.loads(content["settings"]), json.loads(content["facts"])
            return Path(settings["data"]["name"]).name, settings["template"]["name"], facts["model"]
    return "", "", ""
