"""Probes of a run, what they must beat, and what their direction follows."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from core.data.statements import Statement
from core.engine.settings import HarvestSettings
from core.models.loading import load_model
from core.notebook.stored import opened
from core.notebook.working import quiet_libraries, working
from core.probes.by_layer import ProbeReport
from core.probes.controls_of_run import ControlsOfRun, controls_of_run
from core.probes.cross_validated import CrossValidated
from core.probes.cross_validated_of_run import cross_validated_run
from core.probes.of_run import probe_run
from core.probes.read_or_said import ReadOrSaid
from core.probes.read_or_said_of_run import RESAMPLES, read_or_said_of_run
from core.probes.rows import ProbeSettings
from core.probes.transfer import to_frame
from core.probes.transfer import transfer as matrix
from core.scoring import score_statements
from core.scoring.results import StatementScores
from core.store.runs import Run


def probe(
    run: Run | str,
    *,
    test_run: Run | str | None = None,
    cache: str | Path | None = None,
    show: bool = True,
    **settings: Any,
) -> ProbeReport:
    """A probe for every layer, judged on the run's test questions, which this opens; each call is logged.

    Args:
        test_run: another run to be judged on.
        settings: of `core.probes.rows.ProbeSettings`: method, target, position, train, test, seed,
            permutations, rule.

    Raises:
        ProbeError: it cannot be fitted or judged on these answers; says why.
        StoreError: no such run.
    """
    store, name = opened(run, cache)
    other = None if test_run is None else opened(test_run, cache)[1]
    with working(show) as tell:
        return probe_run(store, name, ProbeSettings(**settings), test_run=other, progress=tell)


def cross_validate(
    run: Run | str, *, cache: str | Path | None = None, show: bool = True, **settings: Any
) -> CrossValidated:
    """A probe in five folds of the questions outside of the test set, which stays closed.

    Args:
        settings: see `probe`.

    Raises:
        ProbeError, StoreError: see `probe`.
    """
    store, name = opened(run, cache)
    with working(show) as tell:
        return cross_validated_run(store, name, ProbeSettings(**settings), sealed=True, progress=tell)


def controls(
    run: Run | str, *, test_run: Run | str | None = None, cache: str | Path | None = None, **settings: Any
) -> ControlsOfRun:
    """All that a probe of these settings must beat, with its margins where it was judged.

    Args:
        test_run, settings: see `probe`.

    Raises:
        ProbeError, StoreError: see `probe`.
    """
    store, name = opened(run, cache)
    other = None if test_run is None else opened(test_run, cache)[1]
    return controls_of_run(store, name, ProbeSettings(**settings), other)


def read_or_said(
    run: Run | str,
    position: str = "prompt",
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    cache: str | Path | None = None,
    show: bool = True,
) -> ReadOrSaid:
    """What the honest-trained direction follows, layer by layer: what was read, or what is said.

    Args:
        resamples: of the bootstrap over groups.

    Raises:
        ProbeError, StoreError: see `read_or_said_of_run`.
    """
    store, name = opened(run, cache)
    with working(show) as tell, quiet_libraries():
        return read_or_said_of_run(store, name, position, resamples=resamples, seed=seed, progress=tell)


def transfer(
    runs: Sequence[Run | str],
    judge_mode: Sequence[str] = ("lie",),
    *,
    cache: str | Path | None = None,
    show: bool = True,
    **settings: Any,
) -> pd.DataFrame:
    """A probe trained on each run, judged on every one in each of these modes; within a run cross-validated.

    Args:
        settings: see `probe`; without a null.

    Returns:
        One row a cell, with the columns of `core.probes.transfer.to_frame`.

    Raises:
        StoreError: no such run.
    """
    names = [opened(run, cache)[1] for run in runs]
    asked = replace(ProbeSettings(**settings), permutations=0)
    with working(show) as tell:
        return to_frame(matrix(opened(names[0], cache)[0], names, asked, tuple(judge_mode), progress=tell))


def score(
    run: Run | str,
    texts: Sequence[str | Statement],
    probe: ProbeReport,
    *,
    mode: Sequence[str] = ("honest", "lie"),
    cache: str | Path | None = None,
    show: bool = True,
) -> StatementScores:
    """Texts put to a run's model in its own prompt, and scored with a probe of the run.

    Args:
        probe: what `core.probe` gave.

    Raises:
        DataError, ModelError, TemplateError, StoreError: see `score_statements`.
    """
    store, name = opened(run, cache)
    statements = [Statement(text) if isinstance(text, str) else text for text in texts]
    model = HarvestSettings.from_dict(store.run(name).settings).model
    with working(show) as tell, quiet_libraries():
        loaded = load_model(model, store.cache)
        return score_statements(
            loaded, store, name, probe.bundle, statements, modes=tuple(mode), progress=tell
        )
