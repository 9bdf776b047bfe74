"""Probes of a run, what they must beat, and what their direction follows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from core.commands.probing import LARGEST_STATEMENTS
from core.data.statements import Statement, parse_statements
from core.engine.ray_crew import Cluster
from core.engine.settings import HarvestSettings
from core.errors import DataError
from core.files import read_text_file
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.notebook.stored import opened
from core.notebook.working import quiet_libraries, working
from core.own_report.asking import ask_own_reports
from core.probes.bundle import FittedProbe
from core.probes.by_layer import ProbeReport
from core.probes.controls_of_run import ControlsOfRun, controls_of_run
from core.probes.cross_validated import CrossValidated
from core.probes.cross_validated_of_run import cross_validated_run
from core.probes.false_alarms_of_run import false_alarms_of_run
from core.probes.of_run import probe_run
from core.probes.read_or_said import ReadOrSaid
from core.probes.read_or_said_of_run import RESAMPLES, read_or_said_of_run
from core.probes.rows import ProbeSettings
from core.probes.saved import SavedProbes, check_model, check_one_state, with_origin
from core.probes.spread import on_ray as spread_on_ray
from core.probes.transfer import to_frame
from core.probes.transfer import transfer as matrix
from core.scoring import label_names, score_statements
from core.scoring.results import StatementScores
from core.store.runs import Run


def probe(
    run: Run | str,
    *,
    test_run: Run | str | None = None,
    save: str | None = None,
    cache: str | Path | None = None,
    show: bool = True,
    **settings: Any,
) -> ProbeReport:
    """A probe for every layer, judged on the run's test questions, which this opens; each call is logged.

    Args:
        test_run: another run to be judged on.
        save: the name to keep it under, for `score` and `push`.
        settings: of `core.probes.rows.ProbeSettings`: method, target, position, train, test, seed,
            permutations, rule.

    Raises:
        ProbeError: it cannot be fitted or judged on these answers; says why.
        StoreError: no such run.
    """
    store, name = opened(run, cache)
    other = None if test_run is None else opened(test_run, cache)[1]
    asked = ProbeSettings(**settings)
    if save is not None:
        check_one_state(asked.position, "kept")
    with working(show) as tell:
        found = probe_run(store, name, asked, test_run=other, progress=tell)
    if save is not None:
        SavedProbes(store.cache).save(save, with_origin(found, store.run(name), store.run(other or name)))
    return found


def false_alarms(
    run: Run | str,
    probe: ProbeReport,
    chat_run: Run | str,
    *,
    test_run: Run | str | None = None,
    cache: str | Path | None = None,
) -> pd.DataFrame:
    """How often a probe, used as a detector, alarms on ordinary conversation, and what it then finds.

    Args:
        run: that the probe was trained on; probe: what `core.probe` gave.
        chat_run: a run of source `chat` by the model that the probe was judged on.
        test_run: as it was of the probe.

    Returns:
        One row a rate, with the parts of `core.probes.false_alarms.FalseAlarms.to_json` as columns.

    Raises:
        ProbeError: the runs do not fit together, or the probe is no detector of anything.
        StoreError: no such run.
    """
    store, name = opened(run, cache)
    chat = opened(chat_run, cache)[1]
    other = None if test_run is None else opened(test_run, cache)[1]
    found = false_alarms_of_run(store, name, probe, chat, other)
    return pd.json_normalize([alarms.to_json() for alarms in found], sep="_")


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
    run: Run | str,
    *,
    test_run: Run | str | None = None,
    own_report: bool = False,
    cache: str | Path | None = None,
    show: bool = True,
    **settings: Any,
) -> ControlsOfRun:
    """All that a probe of these settings must beat, with its margins where it was judged.

    Args:
        test_run, settings: see `probe`.
        own_report: ask the model first whether each of its answers was true.

    Raises:
        ProbeError, StoreError: see `probe`. ModelError: the model that is to be asked cannot be had.
    """
    store, name = opened(run, cache)
    other = None if test_run is None else opened(test_run, cache)[1]
    if own_report:
        for judged in dict.fromkeys((name, other or name)):
            with working(show) as tell, quiet_libraries():
                ask_own_reports(store, judged, progress=tell)
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
    probe: ProbeReport | FittedProbe | str,
    *,
    mode: Sequence[str] = ("honest", "lie"),
    model: str | None = None,
    adapter: str | Path | None = None,
    four_bit: bool = False,
    cache: str | Path | None = None,
    show: bool = True,
) -> StatementScores:
    """Texts put to a run's model in its own prompt, and scored with a probe of the run.

    Args:
        texts: as they are; or what `statements_in` gives of a file.
        probe: what `core.probe` gave, or the name of a kept one.
        model, adapter: in the place of the run's own, as of `harvest`.

    Raises:
        ProbeError: there is no such probe, or it is of another model.
        DataError, ModelError, TemplateError, StoreError: see `score_statements`.
    """
    store, name = opened(run, cache)
    record = store.run(name)
    if isinstance(probe, ProbeReport):
        fitted = probe.bundle
    else:
        fitted = SavedProbes(store.cache).load(probe) if isinstance(probe, str) else probe
        check_model(fitted, record, f"probe {probe!r}" if isinstance(probe, str) else "this probe")
    statements = [Statement(text) if isinstance(text, str) else text for text in texts]
    asked = HarvestSettings.from_dict(record.settings).model
    if model or adapter:
        asked = ModelSettings(model or asked.id, None if adapter is None else str(adapter), four_bit)
    with working(show) as tell, quiet_libraries():
        loaded = load_model(asked, store.cache)
        return score_statements(loaded, store, name, fitted, statements, modes=tuple(mode), progress=tell)


def statements_in(
    file: str | Path, run: Run | str | None = None, cache: str | Path | None = None
) -> list[Statement]:
    """Statements out of a file, one a line: as they are, `true: …`, or `Q: … | A: …`.

    Args:
        run: whose names of the labels are read as well: `Positive: …`.

    Raises:
        DataError: a line cannot be used; names it.
        StoreError: no such run.
    """
    choices = None if run is None else label_names(*opened(run, cache))
    return parse_statements(read_text_file(str(file), LARGEST_STATEMENTS, DataError), choices)


@contextmanager
def on_ray(address: str | None = None, workers: int | None = None) -> Iterator[None]:
    """Have `probe`, `cross_validate`, `transfer`, `read_or_said` and `sweep` within fit on Ray's workers.

    `harvest` goes there by its own `engine="ray"`.

    Args:
        address: the cluster's head, or `auto`; None for one of its own.
        workers: how many, 2 or more; None for one a core.

    Raises:
        StoreError: see `core.probes.spread.on_ray`.
    """
    with spread_on_ray(Cluster(address, workers)):
        yield
