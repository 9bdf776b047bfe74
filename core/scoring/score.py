"""Puts statements to the model in each mode, in batches, and scores its states with a fitted probe."""

from collections.abc import Callable, Sequence

import numpy as np

from core.data.question import Question
from core.data.statements import Statement
from core.data.training_half import seen_in_training
from core.downloads import Progress, ignore_progress
from core.errors import Cancelled, DataError, ModelError
from core.models.loading import LoadedModel
from core.probes.bundle import FittedProbe
from core.probes.metrics import area
from core.prompts.chat import check_length
from core.scoring.asking import asking_of, own_prompt, read_prompt
from core.scoring.benign_words import benign_with_words
from core.scoring.entries import Scorer
from core.scoring.results import AsRead, OwnTurn, SetArea, StatementScores
from core.scoring.tokens import batches
from core.store.runs import RunStore

MODES = ("honest", "lie")
LIE_TARGETS = ("lie", "mode")


def score_statements(
    loaded: LoadedModel,
    store: RunStore,
    run: str,
    bundle: FittedProbe,
    statements: list[Statement],
    *,
    modes: tuple[str, ...] = MODES,
    own_turn: bool = True,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> StatementScores:
    """Score statements in each mode, as read through the run's own prompt and as the model's own turn.

    Scores stand beside those of the newest ordinary conversation with this model, where there is one.

    Args:
        loaded: the run's model, or one of its shape.
        bundle: a probe fitted on the run.
        own_turn: also force each statement into the model's own turn.

    Raises:
        DataError: no statement, or one that the run's template cannot ask about.
        ModelError: a model of another shape than the probe's.
        StoreError: no such run, or one without answers.
        TemplateError: a prompt longer than the context, or an unknown mode.
        Cancelled: `cancelled` said so.
    """
    if not statements:
        raise DataError("there is no statement: type at least one")
    if bundle.vectors.shape != (loaded.layers, loaded.d_model):
        raise ModelError(
            f"the probe has {bundle.vectors.shape[0]} layers of {bundle.vectors.shape[1]} dimensions and "
            f"{loaded.name} has {loaded.layers} of {loaded.d_model}: load the run's own model"
        )
    asking = asking_of(store, run, loaded.tokenizer)
    todo = [(statement, mode) for statement in statements for mode in modes]
    read_jobs = [(s, m, *read_prompt(loaded.tokenizer, asking, s, m)) for s, m in todo]
    own_jobs = [(s, m, *own_prompt(loaded.tokenizer, asking, s, m)) for s, m in todo] if own_turn else []
    for jobs, new in ((read_jobs, asking.settings.decoding.max_new_tokens), (own_jobs, 0)):
        for statement, _, prompt, _ in jobs:
            check_length(prompt, new, loaded.context, f"the statement {statement.text[:40]!r}")
    benign = benign_with_words(store, loaded, bundle, lambda what: progress(0.0, what), cancelled)
    scorer = Scorer(loaded, asking, bundle, benign)
    total, done = len(read_jobs) + len(own_jobs), 0

    def run_all(jobs: list, work: Callable, what: str) -> tuple:
        nonlocal done
        made: dict = {}
        for batch in batches(loaded, [len(prompt.ids) for _, _, prompt, _ in jobs]):
            if cancelled():
                raise Cancelled("the scoring was cancelled: nothing was kept")
            progress(done / total, f"{what}: {len(made)} of {len(jobs)}")
            made.update(zip(batch, work([jobs[index] for index in batch]), strict=True))
            done += len(batch)
        return tuple(made[index] for index in range(len(jobs)))

    read = run_all(read_jobs, scorer.as_read, "put to the model")
    own = run_all(own_jobs, scorer.own_turn, "as its own turn")
    progress(1.0, "scored")
    target = bundle.facts["target"]
    return StatementScores(
        layer=bundle.layer,
        position=bundle.facts["position"],
        target=target,
        positive_name=scorer.names[1],
        negative_name=scorer.names[0],
        choices=scorer.reader.choices,
        read=read,
        own_turn=own,
        areas=tuple(set_areas(read, "read", target))
        + tuple(set_areas(own, "own_turn", target))
        + tuple(set_areas(own, "own_turn_last", target)),
        training_scores=bundle.training_scores,
        training_target=bundle.training_target,
        notes=asking.notes + _seen(store, statements),
        benign=benign,
    )


def _seen(store: RunStore, statements: list[Statement]) -> tuple[str, ...]:
    """A note on statements that liars are trained on."""
    asked = [Question(str(n), s.text, 0, ("", ""), "typed", str(n)) for n, s in enumerate(statements)]
    if not (seen := sum(seen_in_training(store.cache, asked))):
        return ()
    return (
        f"{seen} of {len(asked)} statements are, or nearly are, texts that liars are trained on: their "
        "scores say nothing about new ones",
    )


def set_areas(entries: Sequence[AsRead | OwnTurn], way: str, target: str) -> list[SetArea]:
    """The AUROC of a set's expected labels in each mode; empty where no statement has one.

    A probe of lies should score what is expected to be false higher: there the positive label is 0.

    Args:
        way: `read`, `own_turn` for the mean over its tokens, `own_turn_last` for its last token.
    """
    positive = 0 if target in LIE_TARGETS else 1
    made = []
    for mode in dict.fromkeys(entry.mode for entry in entries):
        labelled = [e for e in entries if e.mode == mode and e.statement.label is not None]
        if not labelled:
            continue
        kept = [entry for entry in labelled if entry.score is not None]
        labels = np.array([entry.statement.label == positive for entry in kept], dtype=int)
        n, n_positive = len(kept), int(labels.sum())
        auroc, ci, reason = None, None, None
        if not kept:
            reason = f"none of the {len(labelled)} labelled statements has a state at the probe's position"
        elif n_positive in (0, n):
            reason = f"all {n} labelled statements have one expected label: an AUROC needs both"
        else:
            name = "last_score" if way == "own_turn_last" else "score"
            scores = np.array([getattr(entry, name) for entry in kept])
            groups = np.array([f"{e.statement.question}\n{e.statement.text}".casefold() for e in kept])
            found = area(labels, scores, groups)
            auroc, ci = found.auroc, found.ci
        made.append(SetArea(way, mode, n, n_positive, positive, auroc, ci, reason))
    return made
