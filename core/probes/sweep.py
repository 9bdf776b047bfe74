"""A probe for every layer; the layer chosen on validation data of both modes; its test figure reported.

Standardisation, direction and threshold are fitted on training data alone. The null repeats all of this with
permuted labels, the choice of layer included; what a method needs besides labels stays with its states.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone

from core.downloads import Progress, ignore_progress
from core.errors import Cancelled
from core.labels import share_with_interval
from core.probes.bundle import FittedProbe, describe_training, fit_platt
from core.probes.controls import (
    Null,
    against,
    honest_answer_scores,
    output_scores,
    text_scores,
)
from core.probes.methods import method_named
from core.probes.metrics import Area, Control, area, auroc, brier, confusion, reliability
from core.probes.needs import beside_labels, check_needs, permuted_for
from core.probes.pipeline import direction, fit_parameters, make_classifier, make_probe
from core.probes.rows import ProbeSettings, Rows, choose_rows, with_target

States = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class LayerResult:
    """One layer's probe on validation (by mode) and on test."""

    layer: int
    validation: dict[str, float]
    test: Area
    accuracy: float
    accuracy_ci: tuple[float, float]

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        return {
            "layer": self.layer,
            **self.test.to_json(),
            "accuracy": self.accuracy,
            "accuracy_ci": list(self.accuracy_ci),
            "validation": self.validation,
        }


@dataclass(frozen=True, eq=False)
class ProbeReport:
    """Everything that a probe came to.

    Attributes:
        layer: chosen on validation data of both modes; honest_layer: on honest validation data alone.
        controls: by name: permuted, output, output_inverted, honest_answer, text; None where not to be had.
        predictions: one row per test answer at the chosen layer: answer, target, score, probability, correct.
        bundle: scores new states.
    """

    settings: ProbeSettings
    layer: int
    honest_layer: int | None
    layers: tuple[LayerResult, ...]
    controls: dict[str, Control | Null | None]
    n_train: int
    n_validation: int
    n_dropped: int
    confusion: list[list[int]]
    reliability: list[dict]
    brier: float
    predictions: pd.DataFrame
    bundle: FittedProbe

    @property
    def chosen(self) -> LayerResult:
        """The chosen layer's result."""
        return self.layers[self.layer]

    def to_json(self, run: str, test_run: str | None = None) -> dict:
        """One object under the names that scripts count on."""
        s, chosen = self.settings, self.chosen
        controls = {name: None if found is None else found.to_json() for name, found in self.controls.items()}
        return {
            "run": run,
            "test_run": test_run or run,
            "method": s.method,
            "target": s.target,
            "train": s.train,
            "test": s.test,
            "position": s.position,
            "layer": self.layer,
            "auroc": chosen.test.auroc,
            "auroc_ci": list(chosen.test.ci),
            "accuracy": chosen.accuracy,
            "accuracy_ci": list(chosen.accuracy_ci),
            "n_train": self.n_train,
            "n_validation": self.n_validation,
            "n_test": chosen.test.n,
            "positive_test": chosen.test.positive,
            "n_dropped": self.n_dropped,
            "honest_layer": self.honest_layer,
            "layers": [layer.to_json() for layer in self.layers],
            "controls": controls,
            "confusion": self.confusion,
            "brier": self.brier,
        }


def run_probe(
    frame: pd.DataFrame,
    states: States,
    n_layers: int,
    settings: ProbeSettings,
    *,
    test_frame: pd.DataFrame | None = None,
    test_states: States | None = None,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> ProbeReport:
    """Fit and judge a probe at every layer, with controls.

    Args:
        frame: labelled answers (see `core.labels`); row i belongs to row i of the states.
        states: gives one layer's states, (answers, d_model).
        test_frame, test_states: another run's, to be judged on in place of this run's test groups.

    Raises:
        ProbeError: too few groups, or one class left somewhere; says where.
        Cancelled: `cancelled` said so.
    """
    frame = with_target(frame, settings.target).reset_index(drop=True)
    other = None if test_frame is None else with_target(test_frame, settings.target).reset_index(drop=True)
    rows = choose_rows(frame, settings, other)
    check_needs(frame, rows.train, settings.method)
    beside = beside_labels(frame, settings.method, settings.target)
    judged = frame if other is None else other
    target, test_target = frame["target"].to_numpy(), judged["target"].to_numpy()[rows.test]
    test_groups = judged["group"].to_numpy()[rows.test]
    fakes = _fakes(frame, other, settings, beside)
    null_validation = np.zeros((settings.permutations, n_layers))
    null_test = np.full((settings.permutations, n_layers), np.nan)
    results: list[LayerResult] = []
    vectors, intercepts, scores_of = [], [], []
    for layer in range(n_layers):
        progress(layer / n_layers, f"layer {layer} of {n_layers - 1}")
        here = states(layer)
        there = here if test_states is None else test_states(layer)
        probe = make_probe(settings.method)
        probe.fit(here[rows.train], target[rows.train], **fit_parameters(_part(beside, rows.train)))
        vector, intercept = direction(probe)
        vectors.append(vector)
        intercepts.append(intercept)
        scores = there[rows.test] @ vector + intercept
        scores_of.append(scores)
        validation = {
            mode: auroc(target[part], here[part] @ vector + intercept)
            for mode, part in rows.validation.items()
        }
        right = pd.Series((scores > 0) == test_target, dtype=float)
        accuracy, (low, high) = share_with_interval(right, pd.Series(test_groups))
        results.append(
            LayerResult(
                layer,
                validation,
                area(test_target, scores, test_groups),
                accuracy,
                (low, high),
            )
        )
        rotate = probe[:-1]
        train, test = rotate.transform(here[rows.train]), rotate.transform(there[rows.test])
        checked = {mode: rotate.transform(here[part]) for mode, part in rows.validation.items()}
        for number, (fake, fake_test, fake_beside) in enumerate(fakes):
            if cancelled():
                raise Cancelled("the probe was cancelled: nothing was kept")
            classifier = clone(make_classifier(settings.method))
            learnt, judged_by = fake[rows.train], fake_test[rows.test]
            if len(set(learnt)) < 2 or len(set(judged_by)) < 2:
                continue
            classifier.fit(train, learnt, **_part(fake_beside, rows.train))
            weights = classifier.coef_[0]
            found = [
                auroc(fake[rows.validation[mode]], part @ weights)
                for mode, part in checked.items()
                if len(set(fake[rows.validation[mode]])) == 2
            ]
            null_validation[number, layer] = np.mean(found) if found else 0.5
            null_test[number, layer] = auroc(judged_by, test @ weights)
    progress(1.0, "controls")
    layer = best_layer(results, list(rows.validation))
    honest_layer = best_layer(results, ["honest"]) if "honest" in rows.validation else None
    bundle = _bundle(frame, states, rows, settings, layer, np.array(vectors), np.array(intercepts))
    scores = scores_of[layer]
    probability = bundle.probability(scores)
    predictions = pd.DataFrame(
        {
            "answer": judged["answer"].to_numpy()[rows.test],
            "target": test_target,
            "score": scores,
            "probability": probability,
            "correct": (scores > 0) == test_target,
        }
    )
    raw, inverted = output_scores(judged, rows.test)
    rivals = {
        "output": raw,
        "output_inverted": inverted,
        "honest_answer": honest_answer_scores(judged, rows.test),
        "text": text_scores(frame, judged, rows),
    }
    controls: dict[str, Control | Null | None] = {
        "permuted": _null(null_validation, null_test, results[layer].test.auroc)
    }
    for name, rival in rivals.items():
        controls[name] = against(test_target, scores, rival, test_groups)
    return ProbeReport(
        settings=settings,
        layer=layer,
        honest_layer=honest_layer,
        layers=tuple(results),
        controls=controls,
        n_train=len(rows.train),
        n_validation=sum(len(part) for part in rows.validation.values()),
        n_dropped=rows.n_dropped,
        confusion=confusion(test_target, (scores > 0).astype(float)),
        reliability=reliability(test_target, probability),
        brier=brier(test_target, probability),
        predictions=predictions,
        bundle=bundle,
    )


def best_layer(results: list[LayerResult], modes: list[str]) -> int:
    """The layer with the highest mean validation AUROC over the modes; the lowest of equals."""
    means = [np.mean([result.validation[mode] for mode in modes]) for result in results]
    return int(np.argmax(means))


def _part(beside: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[rows] for name, values in beside.items()}


def _fakes(
    frame: pd.DataFrame, other: pd.DataFrame | None, settings: ProbeSettings, beside: dict[str, np.ndarray]
) -> list[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]]:
    """Permuted targets to learn, the same to be judged on, and what the method needs besides the first."""
    method, target, n, seed = settings.method, settings.target, settings.permutations, settings.seed
    here = permuted_for(frame, method, target, n, seed)
    there = here if other is None else permuted_for(other, method, target, n, seed + 1)
    moves = bool(beside) and target == "mode"
    return [
        (fake, fake_test, beside_labels(frame, method, target, fake) if moves else beside)
        for fake, fake_test in zip(here, there, strict=True)
    ]


def _null(validation: np.ndarray, test: np.ndarray, found: float) -> Null | None:
    """Each permutation's test AUROC at the layer that its own validation data chose."""
    if not len(test):
        return None
    chosen = test[np.arange(len(test)), validation.argmax(axis=1)]
    kept = chosen[~np.isnan(chosen)]
    if not len(kept):
        return None
    return Null(tuple(kept.tolist()), float((1 + (kept >= found).sum()) / (1 + len(kept))))


def _bundle(
    frame: pd.DataFrame,
    states: States,
    rows: Rows,
    settings: ProbeSettings,
    layer: int,
    vectors: np.ndarray,
    intercepts: np.ndarray,
) -> FittedProbe:
    here, target = states(layer), frame["target"].to_numpy()
    held_out = np.concatenate(list(rows.validation.values()))
    scores = here @ vectors[layer] + intercepts[layer]
    return FittedProbe(
        facts={
            "method": settings.method,
            "target": settings.target,
            "position": settings.position,
            "train": settings.train,
            "sign": method_named(settings.method).sign,
        },
        vectors=vectors,
        intercepts=intercepts,
        layer=layer,
        platt=fit_platt(scores[held_out], target[held_out]),
        training_scores=scores[rows.train],
        training_target=target[rows.train],
        **describe_training(here[rows.train], here[held_out]),
    )
