"""What a probe scores on the words of ordinary conversation as the model reads them, beside what it writes.

A run stores no states of what it reads: they are computed once for a probe, and their scores kept.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from core.derived import derived_path, keep_derived, load_derived
from core.engine.prompts import prompt_of, prompt_parts
from core.errors import Cancelled
from core.models.loading import LoadedModel
from core.probes.bundle import FittedProbe
from core.scoring.benign import READ, Benign, benign_scores, conversation_with
from core.scoring.tokens import batches, whole_states
from core.store.runs import Run, RunStore

MOST_PROMPTS = 200
"""Prompts whose words are read: some thousand words, enough for whole percentiles."""


def benign_with_words(
    store: RunStore,
    loaded: LoadedModel,
    probe: FittedProbe,
    told: Callable[[str], None] = lambda what: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Benign | None:
    """Every layer's scores on the newest conversation with this model, at every kind of position.

    Args:
        told: called with what is done, in words, before anything that takes long.
        cancelled: asked before each batch.

    Returns:
        None where there is no such conversation.

    Raises:
        Cancelled: `cancelled` said so; what was read until then is lost.
    """
    found = conversation_with(store, loaded.fingerprint)
    if found is None:
        return None
    run, frame = found
    parts = [run.run, frame["answer"].to_numpy(), probe.facts["target"], probe.vectors, probe.intercepts]
    path = derived_path(store.cache, "benign", [*parts, MOST_PROMPTS])
    if (known := load_derived(path)) is not None:
        return known
    told("ordinary conversation: what was written")
    written = benign_scores(store, run.run, frame, probe, range(loaded.layers))
    scores, groups = _words(loaded, run, frame, probe, told, cancelled)
    if len(scores):
        written = replace(
            written, scores={**written.scores, READ: scores}, groups={**written.groups, READ: groups}
        )
    keep_derived(written, path)
    return written


def _words(
    loaded: LoadedModel,
    run: Run,
    frame: pd.DataFrame,
    probe: FittedProbe,
    told: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (words, layers) of the prompts' own words, and the group of each, (words,)."""
    step = -(-len(frame) // MOST_PROMPTS)
    rows = frame.iloc[::step].to_dict("records")
    prompts = [prompt_of(run, row, loaded.tokenizer) for row in rows]
    scores, groups = [np.zeros((0, loaded.layers))], [np.zeros(0, dtype=object)]
    done = 0
    for batch in batches(loaded, [len(prompt.ids) for prompt in prompts]):
        if cancelled():
            raise Cancelled("the reading of ordinary conversation was cancelled: nothing was kept")
        told(f"ordinary conversation: {done} of {len(rows)} prompts read")
        for place, states in zip(
            batch, whole_states(loaded, [prompts[place].ids for place in batch]), strict=True
        ):
            parts = prompt_parts(run, rows[place], loaded.tokenizer, prompts[place])
            words = np.array([part == "question" for part in parts])
            scores.append(probe.scores(states[words]))
            groups.append(np.full(int(words.sum()), rows[place]["group"], dtype=object))
        done += len(batch)
    return np.concatenate(scores), np.concatenate(groups)
