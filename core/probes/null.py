"""The permuted-label null: the whole pipeline again and again, on labels that mean nothing."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from core.errors import Cancelled
from core.probes.batched import fit_many
from core.probes.controls import Null
from core.probes.layer_rules import Validated, agreement_of, choose_layer
from core.probes.methods import method_named
from core.probes.metrics import auroc
from core.probes.needs import beside_labels, permuted_for
from core.probes.pipeline import CLASSIFY, SpanRotation, direction, flat, make_classifier
from core.probes.rows import ProbeSettings, Rows


class Permutations:
    """Permuted targets of a probe's answers, and how the pipeline does on each, layer by layer.

    Labels move between groups; what a method needs besides labels stays with its states. Directions are
    fitted on training rows, validation rows choose the layer by the probe's own rule, and test rows judge.
    A direction that uses no labels stays: a permutation gives it its sign and its layer.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        judged: pd.DataFrame | None,
        settings: ProbeSettings,
        rows: Rows,
        pairs: tuple[np.ndarray, np.ndarray],
    ) -> None:
        method, target, n, seed = settings.method, settings.target, settings.permutations, settings.seed
        here = permuted_for(frame, method, target, n, seed)
        there = here if judged is None else permuted_for(judged, method, target, n, seed + 1)
        whole = [
            number
            for number in range(n)
            if len(set(here[number, rows.train])) == 2 and len(set(there[number, rows.test])) == 2
        ]
        self.here, self.test = here[whole], there[whole][:, rows.test]
        self.settings, self.rows, self.pairs = settings, rows, pairs
        given = beside_labels(frame, method, target)
        self.beside = [
            beside_labels(frame, method, target, fake) if given and target == "mode" else given
            for fake in self.here
        ]
        self.validated: list[list[Validated]] = [[] for _ in self.here]
        self.aurocs: list[list[float]] = [[] for _ in self.here]

    def at_layer(
        self, probe: Pipeline, here: np.ndarray, there: np.ndarray, cancelled: Callable[[], bool]
    ) -> list[tuple[Validated, float]]:
        """Each permutation on validation data and its test AUROC, at one layer.

        Args:
            probe: fitted to the labels as they are.
            here: states of the run's answers, (answers, d_model), or their contrast pairs; there: of the
                answers to be judged.

        Raises:
            Cancelled: `cancelled` said so.
        """
        if not len(self.here):
            return []
        if method_named(self.settings.method).contrast:
            vectors = self._turned(probe, here[self.rows.train])
        else:
            vectors = self._vectors(here[self.rows.train], cancelled)
        here, there = flat(here), flat(there)
        test = there[self.rows.test] @ vectors.T
        scores = {mode: here[part] @ vectors.T for mode, part in self.rows.validation.items()}
        one, two = (here[part] @ vectors.T for part in self.pairs)
        made = []
        for number, fake in enumerate(self.here):
            found = {
                mode: auroc(fake[part], scores[mode][:, number]) if len(set(fake[part])) == 2 else 0.5
                for mode, part in self.rows.validation.items()
            }
            agreement = agreement_of(one[:, number], two[:, number])
            made.append((Validated(found, agreement), auroc(self.test[number], test[:, number])))
        return made

    def add(self, made: list[tuple[Validated, float]]) -> None:
        """One more layer, as `at_layer` gave it; layers come in order."""
        for number, (validated, found) in enumerate(made):
            self.validated[number].append(validated)
            self.aurocs[number].append(found)

    def outcome(self, found: float) -> Null | None:
        """Each permutation's test AUROC at the layer that the rule chose for it; None without any.

        Where no layer of a permutation comes up to the rule's floor, the rule is followed without the floor.

        Args:
            found: the probe's own.
        """
        if not self.aurocs:
            return None
        kept = []
        for validated, aurocs in zip(self.validated, self.aurocs, strict=True):
            layer = choose_layer(validated, self.settings.rule)
            if layer is None:
                layer = choose_layer(validated, self.settings.rule, floor=0.0)
            kept.append(aurocs[layer or 0])
        beaten = sum(value >= found for value in kept)
        return Null(tuple(kept), (1 + beaten) / (1 + len(kept)))

    def _turned(self, probe: Pipeline, train: np.ndarray) -> np.ndarray:
        """The direction of each permutation where labels set its sign alone, (permutations, 2 · d_model)."""
        vector, _ = direction(probe)
        return np.outer(probe[CLASSIFY].signs(train, self.here[:, self.rows.train]), vector)

    def _vectors(self, train: np.ndarray, cancelled: Callable[[], bool]) -> np.ndarray:
        """The direction of each permutation, for states as they are, (permutations, d_model)."""
        learnt = self.here[:, self.rows.train]
        if cancelled():
            raise Cancelled("the probe was cancelled: nothing was kept")
        if self.settings.method == "logistic":
            return fit_many(train, learnt, np.ones(learnt.shape)).vectors
        spread = train.std(axis=0, dtype=np.float64)
        spread[spread == 0] = 1.0
        scaled = (train - train.mean(axis=0, dtype=np.float64)) / spread
        rotate = SpanRotation().fit(scaled)
        coordinates = rotate.transform(scaled)
        vectors = []
        for target, beside in zip(learnt, self.beside, strict=True):
            if cancelled():
                raise Cancelled("the probe was cancelled: nothing was kept")
            classifier = clone(make_classifier(self.settings.method))
            classifier.fit(coordinates, target, **{k: v[self.rows.train] for k, v in beside.items()})
            vectors.append(classifier.coef_[0] @ rotate.components_ / spread)
        return np.array(vectors)
