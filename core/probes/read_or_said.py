"""Does a direction follow the truth of what was read, or go with what is being said? Layer by layer.

In honest answers truth and the choice given are nearly one vector of labels, so a direction that was trained
on them may follow either. In lie answers the two part. Here the score of the honest-trained direction, over
both modes, is regressed on both:

    score = β_read · truth + β_said · said + rest        (all three standardised)

and the crossover is the first layer from which β_said > β_read holds up to the last. That shows what the
direction follows, not what a layer still holds: so truth and the choice given are each also decoded by a
probe that was trained on both modes.

Each answer is scored by a probe that saw nothing of its group (cross-validation by groups). Intervals are
from a bootstrap over groups that fits every probe anew.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.downloads import Progress, ignore_progress
from core.errors import Cancelled, ProbeError
from core.probes.batched import fit_many
from core.probes.metrics import Area, area
from core.probes.rows import undropped
from core.probes.splits import fold_of_groups
from core.probes.spread import over_layers

FOLDS = 5
MODES = ("honest", "lie")
MOST_RESAMPLES = 2000
FEWEST = 20
"""Answers that follow the truth, and that go against it, without which the two cannot be told apart."""


@dataclass(frozen=True)
class Slope:
    """A standardised regression weight with its 95 % interval, which covers refitting and sampling."""

    value: float
    ci: tuple[float, float]


@dataclass(frozen=True)
class LayerFollows:
    """What one layer's direction follows, and what can still be read there.

    Attributes:
        read, said: β of truth and of the choice given; None where the two cannot be told apart.
        truth_under: by mode, the AUROC on truth of the direction that was trained on honest answers.
        truth, choice: of truth and of the choice given, each by a probe trained on both modes; None where
            there is one class.
        lens_truth, lens_choice: the same of the logit lens of the choices, where there is one.
    """

    layer: int
    read: Slope | None
    said: Slope | None
    truth_under: dict[str, Area]
    truth: Area | None
    choice: Area | None
    lens_truth: Area | None = None
    lens_choice: Area | None = None


@dataclass(frozen=True)
class Crossover:
    """The first layer from which β_said > β_read holds.

    Attributes:
        layer: None where it holds up to the last layer from no layer on.
        ci: the central 95 % of the resamples that have one; None where none has.
        without: share of resamples that have none.
    """

    layer: int | None
    ci: tuple[int, int] | None
    without: float


@dataclass(frozen=True)
class ReadOrSaid:
    """The whole curve.

    Attributes:
        n: answers in each mode; groups: how many they belong to.
        apart: why β cannot be had, in a sentence; None where it can.
    """

    layers: tuple[LayerFollows, ...]
    crossover: Crossover | None
    n: dict[str, int]
    groups: int
    resamples: int
    apart: str | None

    def __repr__(self) -> str:
        counts = ", ".join(f"{n:,} {mode}" for mode, n in self.n.items())
        return (
            f"ReadOrSaid: {len(self.layers)} layers; n {counts} answers of {self.groups:,} groups, "
            f"{self.resamples} resamples\n  {self.sentence()}"
        )

    def sentence(self, last_common: int | None = None) -> str:
        """What the figures come to, in plain words.

        Args:
            last_common: the last layer at which the model cannot differ from the one it was adapted from.
        """
        if self.apart:
            return f"What this direction follows cannot be told on this run: {self.apart}."
        crossover = self.crossover
        assert crossover is not None
        first = 0 if last_common is None else last_common + 1
        turn = len(self.layers) if crossover.layer is None else crossover.layer
        if turn < first:
            return (
                f"This direction goes with what is said from layer {turn} on, where the model cannot differ "
                "from the one that it was adapted from: that is no finding about lying."
            )
        slopes = {at.layer: (at.read, at.said) for at in self.layers if at.read and at.said}
        read = {
            layer: r
            for layer, (r, s) in slopes.items()
            if first <= layer < turn and r.ci[0] > max(0, s.value)
        }
        parts = []
        if read:
            best = max(read, key=lambda layer: read[layer].value)
            parts.append(f"follows what was read, most at layer {best} ({_betas(*slopes[best])})")
        if crossover.layer is not None and crossover.ci is not None:
            low, high = crossover.ci
            part = f"goes with what is being said from layer {turn} on (95 %: {low} to {high}"
            if crossover.without > 0:
                part += f"; {crossover.without:.0%} of resamples have no such layer"
            last = max(slopes)
            parts.append(f"{part}; at layer {last} {_betas(*slopes[last])})")
        if not parts:
            parts.append("clearly follows neither what was read nor what is said")
        return f"Trained on honest answers, this direction {', and '.join(parts)}."

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        crossover = self.crossover
        return {
            "n": self.n,
            "groups": self.groups,
            "resamples": self.resamples,
            "apart": self.apart,
            "crossover": None
            if crossover is None
            else {
                "layer": crossover.layer,
                "ci": None if crossover.ci is None else list(crossover.ci),
                "without": crossover.without,
            },
            "layers": json.loads(self.to_frame().to_json(orient="records", double_precision=6)),
        }

    def to_frame(self) -> pd.DataFrame:
        """One row a layer, all figures with their intervals; NaN for what could not be had."""
        rows = []
        for at in self.layers:
            row: dict[str, float] = {"layer": at.layer}
            for name, slope in (("read", at.read), ("said", at.said)):
                values = (np.nan,) * 3 if slope is None else (slope.value, *slope.ci)
                row |= dict(
                    zip((f"beta_{name}", f"beta_{name}_low", f"beta_{name}_high"), values, strict=True)
                )
            areas: dict[str, Area | None] = {f"truth_{mode}": found for mode, found in at.truth_under.items()}
            areas |= {"truth_both": at.truth, "said_both": at.choice}
            areas |= {"truth_lens": at.lens_truth, "said_lens": at.lens_choice}
            for name, found in areas.items():
                values = (np.nan,) * 3 if found is None else (found.auroc, *found.ci)
                row |= dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
            rows.append(row)
        return pd.DataFrame(rows)


def _betas(read: Slope, said: Slope) -> str:
    return f"β_read {read.value:.2f}, β_said {said.value:.2f}"


def read_or_said(
    frame: pd.DataFrame,
    states: Callable[[int], np.ndarray],
    n_layers: int,
    *,
    lens: Callable[[np.ndarray], np.ndarray] | None = None,
    resamples: int = 200,
    seed: int = 0,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> ReadOrSaid:
    """Follow the honest-trained direction through the layers.

    Args:
        frame: labelled answers (see `core.labels`); row i belongs to row i of the states.
        states: gives one layer's states, (answers, d_model).
        lens: from states to the log-odds of the choices, see `core.logit_lens`.
        resamples: of groups, for the intervals of β and of the crossover.

    Raises:
        ProbeError: a mode is missing, or too few groups or one class in a fold; resamples out of range.
        Cancelled: `cancelled` said so.
    """
    if not 1 <= resamples <= MOST_RESAMPLES:
        raise ProbeError(f"{resamples} resamples: choose 1 to {MOST_RESAMPLES:,}")
    for mode in MODES:
        if not (frame["mode"] == mode).any():
            raise ProbeError(f"the run has no {mode} answers: harvest it in both modes, honest and lie")
    kept = undropped(frame, MODES)
    part = frame.iloc[kept].reset_index(drop=True)
    truth, said = part["label"].to_numpy(dtype=float), part["said"].to_numpy(dtype=float)
    honest = (part["mode"] == "honest").to_numpy()
    names, group = np.unique(part["group"].to_numpy(), return_inverse=True)
    fold = part["group"].map(fold_of_groups(part["group"].tolist(), part["label"].tolist(), FOLDS, seed))
    fold = fold.to_numpy()
    _check_classes(truth, honest, fold)
    apart = _apart(truth, said)
    counts = _resampled(len(names), resamples if apart is None else 0, seed)[:, group]
    slopes = np.full((n_layers, 2, len(counts)), np.nan)

    def at_layer(layer: int, _: Callable[[], bool]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        here = states(layer)[kept]
        scores = _cross_fitted(here, truth, counts * honest, fold)
        betas = None if apart else _slopes(scores, truth, said, counts)
        return scores[:, 0], _decoded(here, truth, said, fold), betas

    def before(layer: int) -> None:
        if cancelled():
            raise Cancelled("the analysis was cancelled: nothing was kept")
        progress(layer / n_layers, f"layer {layer} of {n_layers - 1}")

    found: list[LayerFollows] = []
    made = over_layers(at_layer, range(n_layers), cancelled, before)
    for layer, (scores, both, betas) in enumerate(made):
        if betas is not None:
            slopes[layer] = betas
        seen = np.full(len(kept), np.nan) if lens is None else lens(states(layer)[kept])
        found.append(
            LayerFollows(
                layer,
                _slope(slopes[layer, 0]) if apart is None else None,
                _slope(slopes[layer, 1]) if apart is None else None,
                {
                    mode: area(truth[at], scores[at], group[at])
                    for mode, at in (("honest", honest), ("lie", ~honest))
                },
                _area(truth, both[:, 0], group),
                _area(said, both[:, 1], group),
                _area(truth, seen, group),
                _area(said, seen, group),
            )
        )
    progress(1.0, "done")
    n = {mode: int((part["mode"] == mode).sum()) for mode in MODES}
    crossover = None if apart else _crossover(slopes[:, 1] > slopes[:, 0])
    return ReadOrSaid(tuple(found), crossover, n, len(names), resamples, apart)


def _check_classes(truth: np.ndarray, honest: np.ndarray, fold: np.ndarray) -> None:
    """Refuse answers of one class, in a mode or in what a fold leaves to train on."""
    for mode, here in (("honest", honest), ("lie", ~honest)):
        if len(set(truth[here])) < 2:
            raise ProbeError(f"the {mode} answers are all about one class: two are needed")
    if any(len(set(truth[honest & (fold != number)])) < 2 for number in range(FOLDS)):
        raise ProbeError("too few honest answers of each class to train on: harvest more questions")


def _apart(truth: np.ndarray, said: np.ndarray) -> str | None:
    """Why truth and the choice given cannot be told apart, or None where they can."""
    known = ~np.isnan(said)
    with_it = int((said[known] == truth[known]).sum())
    against = int(known.sum()) - with_it
    if len(set(said[known])) < 2:
        return f"the model gave one choice in all of its {int(known.sum()):,} readable answers"
    if min(with_it, against) < FEWEST:
        return (
            f"{with_it:,} answers say the truth and {against:,} do not: with fewer than {FEWEST} of either, "
            "truth and what is said are one and the same"
        )
    return None


def _resampled(groups: int, resamples: int, seed: int) -> np.ndarray:
    """How often each group counts, (1 + resamples, groups): once in the first row, then drawn anew."""
    generator = np.random.default_rng([seed, 5])
    drawn = [np.bincount(generator.integers(groups, size=groups), minlength=groups) for _ in range(resamples)]
    return np.array([np.ones(groups, dtype=int), *drawn])


def _cross_fitted(states: np.ndarray, target: np.ndarray, counts: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Each row's score by the probes that saw no row of its fold, (rows, problems), standardised by fold.

    Args:
        counts: how often each row trains in each problem, (problems, rows).
    """
    scores = np.empty((len(states), len(counts)))
    for number in range(FOLDS):
        out = fold == number
        try:
            fitted = fit_many(states, target, counts * ~out)
        except ValueError as error:
            raise ProbeError("a resample holds one class only: harvest more questions") from error
        made = fitted.scores(states[out].astype(np.float64))
        scores[out] = (made - made.mean(axis=0)) / np.maximum(made.std(axis=0), 1e-12)
    return scores


def _slopes(scores: np.ndarray, truth: np.ndarray, said: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """β_read and β_said of each problem, (2, problems), over the rows that say something, weighted."""
    known = ~np.isnan(said)
    weight = counts[:, known].T / counts[:, known].sum(axis=1)

    def standard(values: np.ndarray) -> np.ndarray:
        centred = values - (weight * values).sum(axis=0)
        with np.errstate(invalid="ignore"):  # where all prompts end in one token, layer 0 has one score
            return centred / np.sqrt((weight * centred**2).sum(axis=0))

    z, t, s = (standard(v) for v in (scores[known], truth[known][:, None], said[known][:, None]))
    zt, zs, ts = ((weight * a * b).sum(axis=0) for a, b in ((z, t), (z, s), (t, s)))
    return np.array([zt - ts * zs, zs - ts * zt]) / (1 - ts**2)


def _slope(values: np.ndarray) -> Slope:
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return Slope(float(values[0]), (float(low), float(high)))


def _decoded(states: np.ndarray, truth: np.ndarray, said: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Scores for truth and for the choice given by probes trained on both modes, (rows, 2); NaN without."""
    scores = np.full((len(states), 2), np.nan)
    for place, target in enumerate((truth, said)):
        known = ~np.isnan(target)
        if all(len(set(target[known & (fold != number)])) == 2 for number in range(FOLDS)):
            scores[:, place] = _cross_fitted(states, target, known[None].astype(int), fold)[:, 0]
    return scores


def _area(target: np.ndarray, scores: np.ndarray, group: np.ndarray) -> Area | None:
    known = ~np.isnan(target) & ~np.isnan(scores)
    if len(set(target[known])) < 2:
        return None
    return area(target[known], scores[known], group[known])


def _crossover(said_ahead: np.ndarray) -> Crossover:
    """From whether β_said > β_read, (layers, 1 + resamples)."""
    held = np.flip(np.logical_and.accumulate(np.flip(said_ahead, axis=0)), axis=0)
    first = np.where(held.any(axis=0), held.argmax(axis=0), -1)
    resampled = first[1:]
    with_one = resampled[resampled >= 0]
    ci = None
    if len(with_one):
        low, high = np.percentile(with_one, [2.5, 97.5], method="closest_observation")
        ci = (int(low), int(high))
    return Crossover(int(first[0]) if first[0] >= 0 else None, ci, float((resampled < 0).mean()))
