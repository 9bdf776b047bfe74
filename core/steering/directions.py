"""The directions of an experiment: the probe's, one of permuted labels, and random ones, each of length 1."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.probes.metrics import Area, area
from core.probes.needs import beside_labels, check_needs, permuted_for
from core.probes.pipeline import direction, fit_parameters, make_probe
from core.probes.rows import ProbeSettings, choose_rows, one_of_each, with_target
from core.probes.splits import split_groups

PROBE, PERMUTED, RANDOM = "probe", "permuted labels", "random"
OTHER_MODE, OTHER_QUESTION = "other mode", "other mode of another question"
"""What is patched in, in place of the first two."""
TRIES = 20


@dataclass(frozen=True, eq=False)
class Directions:
    """Unit vectors by name, and what they are measured by.

    Attributes:
        units: (directions, d_model), the probe's first; `names` in the same order.
        norm: the mean length of the layer's states at the last prompt token, over training answers: what
            alpha 1 adds.
        readable: by mode, the probe's AUROC on all the run's test answers; modes with one class are missing.
        test: groups that training and layer choice never saw.
    """

    names: tuple[str, ...]
    units: np.ndarray
    norm: float
    readable: dict[str, Area]
    test: frozenset[str]


def directions_of(
    frame: pd.DataFrame, states: Callable[[int], np.ndarray], layer: int, settings: ProbeSettings, random: int
) -> Directions:
    """Fit the probe of one layer on training answers, and the same on permuted labels; draw random ones.

    Random directions are normal draws, which have no favourite direction. Labels are permuted between groups,
    as in the null of `core.probes.null`.

    Args:
        frame: labelled answers (see `core.labels`); row i belongs to row i of the states.

    Raises:
        ProbeError: too few groups, or one class left somewhere; says where.
    """
    frame = with_target(frame, settings.target).reset_index(drop=True)
    rows = choose_rows(frame, settings)
    check_needs(frame, rows.train, settings.method)
    here = states(layer)
    target = frame["target"].to_numpy()
    vector, _ = _fit(here, target, rows.train, settings, frame)
    names, vectors = [PROBE], [vector]
    for fake in permuted_for(frame, settings.method, settings.target, TRIES, settings.seed):
        if len(set(fake[rows.train])) == 2:
            names.append(PERMUTED)
            vectors.append(_fit(here, fake, rows.train, settings, frame, fake)[0])
            break
    rng = np.random.default_rng([settings.seed, layer])
    names += [f"{RANDOM} {number}" for number in range(1, random + 1)]
    vectors += list(rng.normal(size=(random, here.shape[1])))
    test = split_groups(frame["group"].tolist(), frame["label"].tolist(), settings.seed).test
    lengths = np.linalg.norm(here[rows.train].astype(np.float64), axis=1)
    units = np.array([vector / max(float(np.linalg.norm(vector)), 1e-300) for vector in vectors])
    return Directions(
        tuple(names),
        units,
        float(lengths.mean()),
        _readable(frame, here @ vector, test),
        test,
    )


def _fit(
    here: np.ndarray,
    target: np.ndarray,
    train: np.ndarray,
    settings: ProbeSettings,
    frame: pd.DataFrame,
    fake: np.ndarray | None = None,
) -> tuple[np.ndarray, float]:
    """Direction and intercept of the probe, for states as they are."""
    beside = beside_labels(frame, settings.method, settings.target, fake)
    probe = make_probe(settings.method)
    probe.fit(here[train], target[train], **fit_parameters({k: v[train] for k, v in beside.items()}))
    return direction(probe)


def _readable(frame: pd.DataFrame, scores: np.ndarray, test: frozenset[str]) -> dict[str, Area]:
    """AUROC on test answers by mode, where a mode has both classes; over both modes for what spans them."""
    usable = frame["group"].isin(test) & frame["target"].notna() & ~frame["dropped"].astype(bool)
    usable &= one_of_each(frame)[1]
    found = {}
    parts = {mode: usable & (frame["mode"] == mode) for mode in dict.fromkeys(frame["mode"])}
    for name, part in (parts | {"all modes": usable}).items():
        at = np.flatnonzero(part)
        if frame["target"].iloc[at].nunique() == 2:
            found[name] = area(frame["target"].to_numpy()[at], scores[at], frame["group"].to_numpy()[at])
    return found
