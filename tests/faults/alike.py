"""Whether two runs say the same and hold the same states, but for what batches of another size may change."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from core.store.runs import RunStore

WORDS = ["number", "mode", "sample", "question", "generated", "said", "leans", "leans_calibrated"]
FIGURES = ["p_0", "p_1", "outside", "offset"]
TOLERANCE = 1e-4
"""As a share: of a figure, of the length of a state."""


def unlike(found: tuple[Path, str], expected: tuple[Path, str], answers: Iterable[int]) -> tuple[str, ...]:
    """How these answers of one run, each a cache and a run, differ from those of another, in a few words."""
    rows = np.array(sorted(answers), dtype=int)
    (store, name), (sound, usual) = ((RunStore(cache), run) for cache, run in (found, expected))
    one, two = (of.answers_at(run, rows.tolist()) for of, run in ((store, name), (sound, usual)))
    lost = [f"{what} differs" for what in WORDS if not one[what].equals(two[what])]
    lost += [f"{what} differs" for what in FIGURES if not np.allclose(one[what], two[what], rtol=TOLERANCE)]
    for position in sound.states(usual).positions():
        for layer in range(sound.run(usual).facts["layers"]):
            lost += apart(store.layer(name, position, layer, rows), sound.layer(usual, position, layer, rows))
    return tuple(dict.fromkeys(lost))


def apart(found: np.ndarray, expected: np.ndarray) -> list[str]:
    """Whether states, (answers, d_model), differ; where one has none, the other must have none."""
    there = ~np.isnan(expected).any(axis=1)
    if not np.isnan(found[~there]).all():
        return ["states where there were none"]
    off = np.linalg.norm(found[there] - expected[there], axis=1)
    near = off < TOLERANCE * np.linalg.norm(expected[there], axis=1)
    return [] if near.all() else ["states differ"]
