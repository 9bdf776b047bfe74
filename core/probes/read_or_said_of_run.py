"""Read or said on a stored run: answers, decisions, states and lens brought together, the outcome kept."""

from collections.abc import Callable
from pathlib import Path

from threadpoolctl import threadpool_limits

from core.derived import derived_path, keep_derived, load_derived
from core.downloads import Progress, ignore_progress
from core.engine.settings import HarvestSettings
from core.errors import ModelError, ProbeError
from core.logit_lens import POSITIONS, Lens, choice_lens
from core.models.adapters import first_adapted_block
from core.probes.of_run import drops_of, with_states
from core.probes.read_or_said import ReadOrSaid, read_or_said
from core.store.runs import Run, RunStore

VERSION = 2
RESAMPLES = 200


def read_or_said_of_run(
    store: RunStore,
    run: str,
    position: str = "prompt",
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> ReadOrSaid:
    """What the honest-trained direction of a run follows; at once where the same was asked before.

    Loads the run's model for the logit lens, where the position is one at which the choice comes next.

    Raises:
        ProbeError, StoreError: see `read_or_said` and `RunStore`; the run asked open questions.
        Cancelled: `cancelled` said so.
    """
    record = store.run(run)
    if record.facts.get("open"):
        raise ProbeError("this run asked open questions: read and said are compared on choices alone")
    if (found := known_read_or_said(store, run, position, resamples, seed)) is not None:
        return found
    frame, states = with_states(store, record.run, position)
    progress(0.0, "loading the model, for the logit lens")
    lens = lens_of_run(record, store.cache, position)
    with threadpool_limits(1, user_api="blas"):
        found = read_or_said(
            frame,
            states,
            record.facts["layers"],
            lens=lens,
            resamples=resamples,
            seed=seed,
            progress=progress,
            cancelled=cancelled,
        )
    keep_derived(found, _path(store, record, position, resamples, seed))
    return found


def known_read_or_said(
    store: RunStore, run: str, position: str, resamples: int = RESAMPLES, seed: int = 0
) -> ReadOrSaid | None:
    """The outcome where it was computed before, else None; never computes."""
    return load_derived(_path(store, store.run(run), position, resamples, seed))


def lens_of_run(run: Run, cache: Path, position: str) -> Lens | None:
    """The logit lens of a run's model; None where the position, the choices or the model have none.

    A model that is no longer to be had, or that has changed since, has none either.
    """
    from core.models.loading import SHELF  # torch is needed here alone

    if position not in POSITIONS or not run.facts["single_token"]:
        return None
    try:
        loaded = SHELF.get(HarvestSettings.from_dict(run.settings).model, cache)
        if loaded.fingerprint != run.facts["model_content"]:
            return None
        return choice_lens(loaded, run.facts["spellings"])
    except ModelError:
        return None


def last_common_layer(run: Run) -> int | None:
    """The last layer at which the run's model cannot differ from the plain one; None without an adapter."""
    if run.facts["adapter"] is None:
        return None
    if "first_block" in run.facts:
        return run.facts["first_block"]
    folder = HarvestSettings.from_dict(run.settings).model.adapter_folder
    return first_adapted_block(folder) if folder is not None and folder.is_dir() else None


def _path(store: RunStore, run: Run, position: str, resamples: int, seed: int) -> Path:
    parts = [VERSION, position, resamples, seed, run.run, run.answers, drops_of(store, run.run)]
    return derived_path(store.cache, "read_or_said", parts)
