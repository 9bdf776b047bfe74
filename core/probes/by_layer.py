"""A probe for every layer; the layer chosen on validation data by a named rule; its test figure reported.

Standardisation, direction and threshold are fitted on training data alone. The null repeats all of this with
permuted labels, the choice of layer included.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.downloads import Progress, ignore_progress
from core.errors import Cancelled, ProbeError
from core.labels import share_with_interval
from core.probes.bundle import FittedProbe, describe_training, fit_platt
from core.probes.controls import Null, against, beyond_output
from core.probes.layer_rules import FLOOR, LAYER_RULES, NO_LIES_USED, Validated, agreement_of, choose_layer
from core.probes.methods import method_named
from core.probes.metrics import (
    LEAST_NEGATIVES,
    Area,
    BalancedAccuracy,
    Control,
    RecallAtRate,
    area,
    auroc,
    balanced_accuracy,
    brier,
    calibration_error,
    confusion,
    recall_at,
)
from core.probes.needs import beside_labels, check_needs
from core.probes.null import Permutations
from core.probes.pipeline import direction, fit_parameters, flat, make_probe
from core.probes.pooled import Pooled, pool
from core.probes.rivals import Words, rival_scores
from core.probes.rows import ProbeSettings, Rows, choose_rows, matched_validation, with_target
from core.probes.spread import over_layers
from core.reliability import Reliability

States = Callable[[int], np.ndarray]
ONE_CLASS = "it has a score for test answers of one class alone, or for none"


@dataclass(frozen=True)
class LayerResult:
    """One layer's probe on validation (AUROC by mode, agreement between modes) and on test."""

    layer: int
    validated: Validated
    test: Area
    accuracy: float
    accuracy_ci: tuple[float, float]

    @property
    def validation(self) -> dict[str, float]:
        """Validation AUROC by mode."""
        return dict(self.validated.auroc)

    def to_row(self) -> dict[str, float]:
        """The test figures as a row of `ProbeReport.to_frame`."""
        (low, high), (less, more) = self.test.ci, self.accuracy_ci
        return {
            "layer": self.layer,
            "auroc": self.test.auroc,
            "low": low,
            "high": high,
            "accuracy": self.accuracy,
            "accuracy_low": less,
            "accuracy_high": more,
            "n": self.test.n,
            "positive": self.test.positive,
        }

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        return {
            "layer": self.layer,
            **self.test.to_json(),
            "accuracy": self.accuracy,
            "accuracy_ci": list(self.accuracy_ci),
            "validation": self.validation,
            "agreement": self.validated.agreement,
        }


@dataclass(frozen=True, eq=False)
class ProbeReport:
    """Everything that a probe came to.

    Attributes:
        layer: chosen by the settings' rule.
        rules: the layer that each of `LAYER_RULES` chooses; None where one has nothing to go by.
        controls: by name: permuted, and those of `rival_scores`; None where not to be had.
        absent: by name of a control that is not to be had, why.
        pooled: the chosen layer on the test answers of all modes, whatever mode the settings test on.
        calibration, brier, balanced, recalls: on the test answers at the chosen layer; recall with its
            threshold set on these same answers, one for each rate of `LEAST_NEGATIVES`.
        predictions: one row per test answer at the chosen layer: answer, target, score, probability, correct.
        everywhere: one row per test answer of any mode at the chosen layer: answer, group, target, score.
        validation_answers: the answers that chose the layer, of the run that the probe was trained on.
        bundle: scores new states.
    """

    settings: ProbeSettings
    layer: int
    rules: dict[str, int | None]
    layers: tuple[LayerResult, ...]
    controls: dict[str, Control | Null | None]
    absent: dict[str, str]
    pooled: Pooled
    n_train: int
    n_validation: int
    n_dropped: int
    confusion: list[list[int]]
    calibration: Reliability
    brier: float
    balanced: BalancedAccuracy
    recalls: tuple[RecallAtRate, ...]
    predictions: pd.DataFrame
    everywhere: pd.DataFrame
    validation_answers: np.ndarray
    bundle: FittedProbe

    def __repr__(self) -> str:
        s, found = self.settings, self.chosen.test
        low, high = found.ci
        beside = [
            f"{name.replace('_', ' ')} {made.to_json()['auroc']:.3f}"
            for name, made in self.controls.items()
            if made is not None
        ]
        return (
            f"ProbeReport: {s.method} probe of {s.target} at {s.position}, layer {self.layer} by {s.rule}\n"
            f"  trained on {s.train} (n {self.n_train:,}), judged on {s.test} (n {found.n:,}, "
            f"{found.positive:,} positive): AUROC {found.auroc:.3f} (95 %: {low:.3f} to {high:.3f})\n"
            f"  AUROC of the controls: {', '.join(beside) or 'none'}"
        )

    @property
    def chosen(self) -> LayerResult:
        """The chosen layer's result."""
        return self.layers[self.layer]

    def to_frame(self) -> pd.DataFrame:
        """One row a layer: layer, auroc, low, high, accuracy, accuracy_low, accuracy_high, n, positive.

        Of the test answers, with 95 % intervals.
        """
        return pd.DataFrame([row.to_row() for row in self.layers])

    def _rule_json(self, rule: str) -> dict | None:
        layer = self.rules[rule]
        if layer is None:
            return None
        return {"layer": layer, **self.layers[layer].test.to_json(), "no_lies_used": rule in NO_LIES_USED}

    def to_json(self, run: str, test_run: str | None = None) -> dict:
        """One object under the names that scripts count on."""
        s, chosen = self.settings, self.chosen
        controls = {name: None if found is None else found.to_json() for name, found in self.controls.items()}
        return {
            "run": run,
            "test_run": test_run or run,
            "method": s.method,
            "sign": method_named(s.method).sign,
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
            "rule": s.rule,
            "rules": {rule: self._rule_json(rule) for rule in LAYER_RULES},
            "honest_layer": self.rules["honest"],
            "layers": [layer.to_json() for layer in self.layers],
            "controls": controls,
            "absent_controls": self.absent,
            "pooled": self.pooled.to_json(),
            "confusion": self.confusion,
            "brier": self.brier,
            "calibration": self.calibration.to_json(),
            **{k: v for k, v in self.balanced.to_json().items() if k.startswith("balanced")},
            "recalls": [recall.to_json() for recall in self.recalls],
        }


@dataclass(frozen=True, eq=False)
class _AtLayer:
    """A layer's probe: its figures, direction, scores of the test answers, and what permutations came to."""

    result: LayerResult
    vector: np.ndarray
    intercept: float
    scores: np.ndarray
    permuted: list[tuple[Validated, float]]


def run_probe(
    frame: pd.DataFrame,
    states: States,
    n_layers: int,
    settings: ProbeSettings,
    *,
    test_frame: pd.DataFrame | None = None,
    test_states: States | None = None,
    words: Words | None = None,
    progress: Progress = ignore_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> ProbeReport:
    """Fit and judge a probe at every layer, with controls.

    Args:
        frame: labelled answers (see `core.labels`); row i belongs to row i of the states.
        states: gives one layer's states, (answers, d_model), or contrast pairs for methods that need such.
        test_frame, test_states: another run's, to be judged on in place of this run's test groups.
        words: what the controls on words know besides the answers.

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
    pairs = matched_validation(frame, rows)
    null = Permutations(frame, other, settings, rows, pairs)

    def at_layer(layer: int, cancelled: Callable[[], bool]) -> _AtLayer:
        known = states(layer)
        unknown = known if test_states is None else test_states(layer)
        probe = make_probe(settings.method)
        probe.fit(known[rows.train], target[rows.train], **fit_parameters(_part(beside, rows.train)))
        here, there = flat(known), flat(unknown)
        vector, intercept = direction(probe)
        scores = there[rows.test] @ vector + intercept
        on_validation = {
            mode: auroc(target[part], here[part] @ vector + intercept)
            for mode, part in rows.validation.items()
        }
        agreement = agreement_of(*(here[part] @ vector for part in pairs))
        right = pd.Series((scores > 0) == test_target, dtype=float)
        accuracy, (low, high) = share_with_interval(right, pd.Series(test_groups))
        test = area(test_target, scores, test_groups)
        result = LayerResult(layer, Validated(on_validation, agreement), test, accuracy, (low, high))
        permuted = null.at_layer(probe, known, unknown, cancelled)
        return _AtLayer(result, vector, intercept, scores, permuted)

    def before(layer: int) -> None:
        if cancelled():
            raise Cancelled("the probe was cancelled: nothing was kept")
        progress(layer / n_layers, f"layer {layer} of {n_layers - 1}")

    found = []
    for one in over_layers(at_layer, range(n_layers), cancelled, before):
        found.append(one)
        null.add(one.permuted)
    results = [one.result for one in found]
    vectors, intercepts = [one.vector for one in found], [one.intercept for one in found]
    progress(1.0, "controls")
    chosen = {rule: choose_layer([result.validated for result in results], rule) for rule in LAYER_RULES}
    layer = _required(chosen, settings.rule)
    bundle = _bundle(frame, states, rows, settings, layer, np.array(vectors), np.array(intercepts))
    scores = found[layer].scores
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
    controls: dict[str, Control | Null | None] = {"permuted": null.outcome(results[layer].test.auroc)}
    rivals = rival_scores(frame, judged, replace(rows, test=rows.everywhere), settings.target, words)
    in_test_mode = np.isin(rows.everywhere, rows.test)
    absent = dict(rivals.absent)
    for name, rival in rivals.scores.items():
        controls[name] = against(test_target, scores, rival[in_test_mode], test_groups)
        if controls[name] is None:
            absent[name] = ONE_CLASS
    everywhere = _everywhere(judged, rows, bundle, test_states or states)
    return ProbeReport(
        settings=settings,
        layer=layer,
        rules=chosen,
        layers=tuple(results),
        controls=controls,
        absent=absent,
        pooled=_pooled(frame, judged, rows, rivals.scores, bundle, states, everywhere["score"].to_numpy()),
        n_train=len(rows.train),
        n_validation=sum(len(part) for part in rows.validation.values()),
        n_dropped=rows.n_dropped,
        confusion=confusion(test_target, (scores > 0).astype(float)),
        calibration=calibration_error(test_target, probability, _units(judged, settings, rows), test_groups),
        brier=brier(test_target, probability),
        balanced=balanced_accuracy(test_target, scores > 0, test_groups),
        recalls=tuple(recall_at(test_target, scores, test_groups, rate) for rate in LEAST_NEGATIVES),
        predictions=predictions,
        everywhere=everywhere,
        validation_answers=frame["answer"].to_numpy()[np.concatenate(list(rows.validation.values()))],
        bundle=bundle,
    )


def _units(judged: pd.DataFrame, settings: ProbeSettings, rows: Rows) -> np.ndarray:
    """What has one outcome: for the truth a question, else an answer."""
    unit = "question" if settings.target == "truth" else "answer"
    return judged[unit].to_numpy()[rows.test]


def _part(beside: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[rows] for name, values in beside.items()}


def _required(chosen: dict[str, int | None], rule: str) -> int:
    layer = chosen[rule]
    if layer is None:
        why = "it needs honest validation answers of both classes"
        if rule == "agreement":
            why += f", the same questions under lie, and a layer with an honest AUROC of at least {FLOOR:.2f}"
        raise ProbeError(f"layer rule {rule!r} has nothing to go by: {why}; choose another rule")
    return layer


def _everywhere(judged: pd.DataFrame, rows: Rows, bundle: FittedProbe, states: States) -> pd.DataFrame:
    """The chosen layer's scores of the test answers of all modes."""
    vector, intercept = bundle.vectors[bundle.layer], bundle.intercepts[bundle.layer]
    scores = flat(states(bundle.layer))[rows.everywhere] @ vector + intercept
    return judged.iloc[rows.everywhere][["answer", "group", "target"]].assign(score=scores)


def _pooled(
    frame: pd.DataFrame,
    judged: pd.DataFrame,
    rows: Rows,
    rivals: Mapping[str, np.ndarray],
    bundle: FittedProbe,
    states: States,
    scores: np.ndarray,
) -> Pooled:
    """The chosen layer's scores of the test answers of all modes, for which `rivals` have scores too."""
    vector, intercept = bundle.vectors[bundle.layer], bundle.intercepts[bundle.layer]
    unseen = np.concatenate(list(rows.validation.values()))
    part = judged.iloc[rows.everywhere]
    known = flat(states(bundle.layer))[unseen] @ vector + intercept
    left = beyond_output(frame.iloc[unseen], known, part, scores)
    target, groups = part["target"].to_numpy(), part["group"].to_numpy()
    return pool(target, scores, left, rivals, groups)


def _bundle(
    frame: pd.DataFrame,
    states: States,
    rows: Rows,
    settings: ProbeSettings,
    layer: int,
    vectors: np.ndarray,
    intercepts: np.ndarray,
) -> FittedProbe:
    here, target = flat(states(layer)), frame["target"].to_numpy()
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
