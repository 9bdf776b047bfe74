"""Steering on a stored run: its test questions asked again under every condition, the outcome kept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from core.derived import derived_path, keep_derived, load_derived
from core.downloads import Progress, ignore_progress
from core.engine.settings import HarvestSettings
from core.errors import Cancelled, ProbeError
from core.probes.of_run import drops_of, with_states
from core.steering.asked import asked_answers, other_mode_rows
from core.steering.conditions import Condition, conditions_of, direction_vectors, patch_vectors
from core.steering.directions import Directions, directions_of
from core.steering.figures import PLAIN, curves, pushes, with_plain
from core.steering.outcome import SteerOutcome
from core.steering.settings import SteerSettings
from core.store.decisions import DecisionStore
from core.store.runs import Run, RunStore

VERSION = 1
Stop = Callable[[], bool]


def steer_run(
    store: RunStore,
    run: str,
    settings: SteerSettings,
    *,
    progress: Progress = ignore_progress,
    cancelled: Stop = lambda: False,
) -> SteerOutcome:
    """Ask a run's test questions again while its model is steered; at once where that was done before.

    Answers are greedy, whatever the run's temperature. A patch has no text of its own to be put into, so that
    it has no perplexity.

    Raises:
        ProbeError: too few groups, one class, no such layer, open questions, or a model that has changed.
        ModelError, StoreError: see `ModelShelf.get` and `RunStore`.
        Cancelled: `cancelled` said so.
    """
    record = store.run(run)
    if record.facts.get("open"):
        raise ProbeError("this run asked open questions: steering is measured on choices alone")
    if settings.layer >= record.facts["layers"]:
        raise ProbeError(f"there is no layer {settings.layer}: choose 0 to {record.facts['layers'] - 1}")
    if (known := known_steering(store, record.run, settings)) is not None:
        return known
    progress(0.0, "fitting the direction")
    frame, states = with_states(store, record.run, "prompt")
    probe = settings.probe(list(record.settings["modes"]))
    with threadpool_limits(1, user_api="blas"):
        directions = directions_of(frame, states, settings.layer, probe, settings.random)
    asked = asked_answers(frame, directions.test, settings.n, settings.seed)
    conditions = conditions_of(directions, settings)
    answers, texts = _ask(store, record, settings, directions, asked, conditions, progress, cancelled)
    answers = with_plain(answers)
    plain = answers[answers["direction"] == PLAIN].set_index("answer")["said"]
    before = asked.set_index("answer")["said"]
    agreed = (plain == before) | (plain.isna() & before.isna())
    outcome = SteerOutcome(
        settings=settings,
        train=probe.train,
        norm=directions.norm,
        readable=directions.readable,
        prompts={str(mode): int(n) for mode, n in asked["mode"].value_counts(sort=False).items()},
        questions=int(asked["question"].nunique()),
        agreed=int(agreed.sum()),
        curves=curves(answers, texts),
        answers=answers,
        pushes=pushes(answers, settings.how),
    )
    keep_derived(outcome, _path(store, record, settings))
    return outcome


def known_steering(store: RunStore, run: str, settings: SteerSettings) -> SteerOutcome | None:
    """The outcome where it was computed before, else None; never computes."""
    return load_derived(_path(store, store.run(run), settings))


def _ask(
    store: RunStore,
    run: Run,
    settings: SteerSettings,
    directions: Directions,
    asked: pd.DataFrame,
    conditions: list[Condition],
    progress: Progress,
    cancelled: Stop,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every prompt and every passage under every condition: the answers, and the passages' losses."""
    from core.answers import make_reader  # torch and the model are needed here alone
    from core.engine.prompts import prompt_of
    from core.engine.steer import Edit
    from core.models.loading import SHELF
    from core.steering.answering import answer_steered, vectors_of
    from core.steering.perplexity import PASSAGES, losses

    progress(0.0, "loading the model")
    harvest = HarvestSettings.from_dict(run.settings)
    loaded = SHELF.get(harvest.model, store.cache)
    if loaded.fingerprint != run.facts["model_content"]:
        raise ProbeError(
            f"{run.facts['model']} is no longer the model that run {run.run} was made with: harvest again"
        )
    reader = make_reader(loaded.tokenizer, harvest.template.choices)
    fixed = None if settings.how == "patch" else direction_vectors(directions, settings, conditions)
    own = other = np.empty((0, 0))
    elsewhere = np.empty(0, dtype=int)
    if settings.how == "patch":
        own = store.layer(run.run, "prompt", settings.layer, asked["answer"].to_numpy())
        others = other_mode_rows(asked)
        other, elsewhere = own[others], others[_next_question(asked)]
    passages = () if fixed is None else PASSAGES
    rows: list[dict] = []
    steps, what = len(asked) + len(passages), f"{len(conditions)} conditions each"
    for number, row in enumerate(asked.to_dict("records")):
        _stop(cancelled)
        progress(number / steps, f"prompt {number + 1} of {len(asked)}, {what}")
        made = fixed
        if made is None:
            made = patch_vectors(directions, conditions, own[number], other[number], own[elsewhere[number]])
        edit = Edit(settings.how, settings.layer, vectors_of(made))
        ids = prompt_of(run, row, loaded.tokenizer).ids
        found = answer_steered(loaded, ids, reader, edit, settings.where, harvest.decoding)
        about = {key: row[key] for key in ("answer", "question", "group", "mode", "label", "believes")}
        rows += [
            {"direction": c.direction, "alpha": c.alpha, **about, "said": a.said, "p_0": a.p_0, "p_1": a.p_1}
            for c, a in zip(conditions, found, strict=True)
        ]
    texts: list[dict] = []
    everywhere = Edit(settings.how, settings.layer, vectors_of(np.empty((0, 0)) if fixed is None else fixed))
    for number, passage in enumerate(passages):
        _stop(cancelled)
        progress((len(asked) + number) / steps, f"plain text {number + 1} of {len(passages)}, {what}")
        loss, tokens = losses(loaded, everywhere, settings.where, passage)
        texts += [
            {"direction": c.direction, "alpha": c.alpha, "loss": float(value), "tokens": tokens}
            for c, value in zip(conditions, loss, strict=True)
        ]
    answers = pd.DataFrame(rows)
    answers["said"] = answers["said"].astype(float)
    return answers, pd.DataFrame(texts, columns=["direction", "alpha", "loss", "tokens"])


def _next_question(asked: pd.DataFrame) -> np.ndarray:
    """For each answer, the row of the next question's answer in the same mode, (answers,)."""
    found = np.empty(len(asked), dtype=int)
    for _, rows in asked.reset_index(drop=True).groupby("mode", sort=False):
        at = rows.index.to_numpy()
        found[at] = np.roll(at, -1)
    return found


def _stop(cancelled: Stop) -> None:
    if cancelled():
        raise Cancelled("steering was cancelled: nothing was kept")


def _path(store: RunStore, run: Run, settings: SteerSettings) -> Path:
    margin = DecisionStore(store.cache).margin(run.run)
    parts = [VERSION, settings, run.run, run.answers, drops_of(store, run.run), margin]
    return derived_path(store.cache, "steering", parts)
