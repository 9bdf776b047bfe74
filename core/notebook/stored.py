"""The runs that are kept, and the answers in them."""

from pathlib import Path

import pandas as pd

from core.all_runs import all_runs, matching
from core.labels_of_run import labelled
from core.paths import cache_folder
from core.store.runs import Run, RunStore


def runs(search: str = "", cache: str | Path | None = None) -> pd.DataFrame:
    """Every run, newest first, with the columns of `core.all_runs.all_runs`.

    Args:
        search: words that are all to be found in a run's columns.
    """
    return matching(all_runs(RunStore(cache_folder(cache))), search)


def run(name: str, cache: str | Path | None = None) -> Run:
    """One run by its id, or by a beginning of it that fits no other.

    Raises:
        StoreError: no such run, or several.
    """
    return RunStore(cache_folder(cache)).run(name)


def answers_of(run: Run | str, pruned: bool = True, cache: str | Path | None = None) -> pd.DataFrame:
    """A run's answers, one row each, with labels, flags and people's decisions.

    Args:
        pruned: False leaves the decisions out.

    Returns:
        The columns of `RunStore.answers`, and those of `core.labels.judge_answers` and `lay_decisions`.

    Raises:
        StoreError: no such run.
    """
    store, name = opened(run, cache)
    return labelled(store, name, pruned)


def opened(run: Run | str, cache: str | Path | None) -> tuple[RunStore, str]:
    """The store of a cache folder, and a run's whole id.

    Raises:
        StoreError: no such run there.
    """
    store = RunStore(cache_folder(cache))
    return store, store.run(run if isinstance(run, str) else run.run).run
