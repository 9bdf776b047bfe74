"""What a probe of the truth, trained on honest answers, reads in each answer: at every layer, cross-fitted.

Each answer is scored by probes that saw nothing of its group. The layer is chosen anew for each fold, on
the other folds alone and without lie labels, by probes that saw neither the fold nor the answer that they
are validated on: for that, a probe is trained for each pair of folds that is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from core.downloads import Progress, ignore_progress
from core.errors import Cancelled, ProbeError
from core.probes.batched import fit_many
from core.probes.controls import text_scores
from core.probes.layer_rules import FLOOR, NO_LIES_USED, Validated, agreement_of, choose_layer
from core.probes.metrics import auroc
from core.probes.rows import Rows, matched_modes
from core.probes.splits import fold_of_groups

FOLDS = 5


@dataclass(frozen=True, eq=False)
class ReadScores:
    """The scores of n answers, each in units of the spread of the probe's training answers.

    Attributes:
        fold: of each answer, (n,).
        trains: the honest answers that probes are trained on where they are not of the fold left out, (n,).
        scores: (layers, FOLDS, n): of every answer by the probe that did not see fold f. An answer's own is
            that of its own fold.
        text: the same of the words alone, (FOLDS, n); None where they give nothing to learn from.
        validated: by fold and layer, on the answers of the other folds.
    """

    fold: np.ndarray
    trains: np.ndarray
    scores: np.ndarray
    text: np.ndarray | None
    validated: tuple[tuple[Validated, ...], ...]

    def layers(self, rule: str) -> tuple[int, ...]:
        """The layer that a rule chooses for each fold.

        Raises:
            ProbeError: the rule uses lie labels, or has nothing to go by.
        """
        if rule not in NO_LIES_USED:
            raise ProbeError(
                f"layer rule {rule!r} is not one that uses no lies: choose {' or '.join(NO_LIES_USED)}, or "
                "name a layer"
            )
        chosen = [choose_layer(list(layers), rule) for layers in self.validated]
        found = [layer for layer in chosen if layer is not None]
        if len(found) < len(chosen):
            raise ProbeError(
                f"layer rule {rule!r} finds none: it needs the same questions under honest and lie, by "
                "wordings of one number, and a layer that reads the truth under honest with an AUROC of "
                f"{FLOOR:.2f}; name a layer"
            )
        return tuple(found)


def read_scores(
    frame: pd.DataFrame,
    states: Callable[[int], np.ndarray],
    n_layers: int,
    seed: int = 0,
    *,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> ReadScores:
    """Score every answer at every layer.

    Args:
        frame: answers with mode, label, group, text and dropped_outcome; row i is row i of the states.
        states: gives one layer's states, (n, d_model).

    Raises:
        ProbeError: too few groups, or too few honest answers of each class in what a fold leaves.
        Cancelled: `cancelled` said so.
    """
    label = frame["label"].to_numpy(dtype=float)
    places = fold_of_groups(frame["group"].tolist(), frame["label"].tolist(), FOLDS, seed)
    fold = frame["group"].map(places).to_numpy()
    clean = ~frame["dropped_outcome"].to_numpy(dtype=bool)
    trains = (frame["mode"] == "honest").to_numpy() & clean
    left_out = [(f,) for f in range(FOLDS)] + list(combinations(range(FOLDS), 2))
    weights = np.array([trains & ~np.isin(fold, out) for out in left_out])
    parts = [*weights, *(trains & (fold == f) for f in range(FOLDS))]
    if any(len(set(label[part])) < 2 for part in parts):
        raise ProbeError("too few honest answers of each class for five folds: harvest more questions")
    under_lie = (frame["mode"] == "lie").to_numpy() & clean
    pairs = matched_modes(frame, np.flatnonzero(trains), np.flatnonzero(under_lie))
    scores = np.empty((n_layers, FOLDS, len(frame)), dtype=np.float32)
    validated: list[list[Validated]] = [[] for _ in range(FOLDS)]
    for layer in range(n_layers):
        if cancelled():
            raise Cancelled("the lie score was cancelled: nothing was kept")
        progress(layer / n_layers, f"layer {layer} of {n_layers - 1}")
        here = states(layer).astype(np.float64)
        fitted = fit_many(here[trains], label[trains], weights[:, trains].astype(int))
        made = _standardised(fitted.scores(here).T, weights)
        scores[layer] = made[:FOLDS]
        for out in range(FOLDS):
            inner = np.full(len(frame), np.nan)
            for number, pair in enumerate(left_out):
                if len(pair) == 2 and out in pair:
                    rows = fold == (pair[0] if pair[1] == out else pair[1])
                    inner[rows] = made[number, rows]
            validated[out].append(_validated(inner, label, trains & (fold != out), pairs, fold != out))
    progress(1.0, "the words alone")
    return ReadScores(fold, trains, scores, _text(frame, weights[:FOLDS]), tuple(map(tuple, validated)))


def _standardised(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Scores (problems, n) in units of the spread of each problem's training answers, from their mean."""
    made = np.empty_like(scores)
    for number, rows in enumerate(weights):
        own = scores[number, rows]
        made[number] = (scores[number] - own.mean()) / max(float(own.std()), 1e-12)
    return made


def _validated(
    inner: np.ndarray,
    label: np.ndarray,
    honest: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray],
    here: np.ndarray,
) -> Validated:
    first, second = pairs
    both = here[first]  # the two answers of a pair are of one group, so of one fold
    agreement = agreement_of(inner[first[both]], inner[second[both]])
    return Validated({"honest": auroc(label[honest], inner[honest])}, agreement)


def _text(frame: pd.DataFrame, weights: np.ndarray) -> np.ndarray | None:
    """Scores of TF-IDF with logistic regression, by the same folds, (FOLDS, n)."""
    asked, every = frame.assign(target=frame["label"]), np.arange(len(frame))
    try:
        made = [text_scores(asked, asked, Rows(np.flatnonzero(rows), {}, every, 0)) for rows in weights]
    except ProbeError:
        return None
    return _standardised(np.array(made), weights)
