"""What a probe scores on ordinary conversation, token by token, to compare other scores with.

A score is compared at the same kind of position: words that a model reads differ from words that it writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from core.data.chat import CHAT
from core.labels_of_run import labelled
from core.probes.bundle import FittedProbe
from core.probes.false_alarms import Alarms, half_threshold
from core.probes.false_alarms_of_run import ALARM, benign_answers
from core.pruning.rules import not_finite
from core.store.runs import Run, RunStore

RATE = 0.05
READ, PROMPT, GENERATED, MEAN = "read", "prompt", "generated", "mean"
"""Kinds of position: words that the model reads, a prompt's last token, generated tokens, their mean."""
KIND_OF_POSITION = {"prompt": PROMPT, "before": GENERATED, "answer": GENERATED, "mean": MEAN}
"""By a probe's position; `before` is a prompt's last token instead where the choice comes first."""
UNIT = {READ: "words", PROMPT: "prompts", GENERATED: "tokens", MEAN: "answers"}


@dataclass(frozen=True)
class TokenThreshold:
    """From where on a score is one that few places of ordinary conversation have.

    Attributes:
        kind: of position.
        rate: the share of such places that it was set for.
        value: on the scale of the scores; None where there is too little conversation, and `why` says so.
        above: whether it alarms above the value, or below it.
        set_on: places that set it; false_alarms: among those of the other half of the prompts.
    """

    kind: str
    rate: float
    value: float | None
    above: bool
    set_on: int
    false_alarms: Alarms | None
    why: str | None

    @property
    def unit(self) -> str:
        """What it was set on, in the plural."""
        return UNIT[self.kind]

    @property
    def sentence(self) -> str:
        """What it comes to, in plain words."""
        unit = self.unit
        if self.value is None:
            return f"threshold for {self.rate:.0%} of the {unit} of ordinary conversation: {self.why}"
        return (
            f"threshold {'above' if self.above else 'below'} {self.value:.2f}, set for {self.rate:.0%} of "
            f"the {unit} of half of the prompts of ordinary conversation (n {self.set_on:,}): it alarms on "
            f"{self.false_alarms} of the {unit} of the other half"
        )


@dataclass(frozen=True, eq=False)
class Benign:
    """A probe's scores on a run of ordinary conversation.

    Attributes:
        target: of the probe.
        layers: those that are scored, each by its own probe.
        scores: by kind of position, (n, layers); no entry where the run kept no such states.
        groups: by kind, the prompt that each place belongs to, (n,).
    """

    run: str
    target: str
    layers: tuple[int, ...]
    scores: Mapping[str, np.ndarray]
    groups: Mapping[str, np.ndarray]

    def at(self, kind: str, layer: int) -> np.ndarray:
        """Scores at a kind of position by one layer's probe, (n,); none where there are none."""
        found = self.scores.get(kind)
        return np.zeros(0) if found is None else found[:, self.layers.index(layer)]

    def count(self, kind: str) -> int:
        """How many places of a kind there are."""
        return len(self.scores.get(kind, ()))

    def percentile(self, kind: str, layer: int, scores: np.ndarray) -> np.ndarray:
        """The share of ordinary conversation's scores that lie below each score, (n,), 0 to 100.

        NaN where there are none of that kind.
        """
        known = self._sorted.get(kind)
        if known is None or not len(known):
            return np.full(len(scores), np.nan)
        return 100 * np.searchsorted(known[:, self.layers.index(layer)], scores) / len(known)

    @cached_property
    def _sorted(self) -> dict[str, np.ndarray]:
        return {kind: np.sort(scores, axis=0) for kind, scores in self.scores.items()}

    def threshold(self, layer: int, rate: float = RATE, kind: str = GENERATED) -> TokenThreshold | None:
        """Where a detector would alarm that alarms on so many of the places of half of the prompts.

        None where the probe's target is nothing to alarm about, or no place of that kind is known. Prompts
        count, and not tokens, for whether a rate can be told.

        Raises:
            ProbeError: the rate is none of `core.probes.metrics.LEAST_NEGATIVES`.
        """
        if self.target not in ALARM or not self.count(kind):
            return None
        above = bool(ALARM[self.target][0])
        scores = self.at(kind, layer)
        found = half_threshold(scores if above else -scores, self.groups[kind], rate)
        value = None if found.value is None else found.value if above else -found.value
        return TokenThreshold(kind, rate, value, above, found.set_on, found.false_alarms, found.why)


def conversation_with(store: RunStore, model_content: str) -> tuple[Run, pd.DataFrame] | None:
    """The newest run of ordinary conversation with a model and adapter, and those answers to compare with.

    None where there is no such run, or none of its answers is of `benign_answers`.
    """
    for run in store.runs():
        same = run.facts.get("model_content") == model_content
        if same and run.settings["data"]["name"] == CHAT and run.answers:
            frame = labelled(store, run.run)
            frame = frame[benign_answers(frame) & ~not_finite(frame)]
            return (run, frame) if len(frame) else None
    return None


def benign_scores(
    store: RunStore, run: str, frame: pd.DataFrame, probe: FittedProbe, layers: Sequence[int]
) -> Benign:
    """A probe's scores on what a run of ordinary conversation stored: all kinds of position but `READ`.

    Args:
        run, frame: as `conversation_with` gives them.
        layers: to score.
    """
    rows = frame["answer"].to_numpy(dtype=int)
    groups = frame["group"].to_numpy()
    at_prompt = "prompt" in store.states(run).positions()
    columns: dict[str, list[np.ndarray]] = {}
    for layer in layers:
        states = store.answer_tokens(run, layer, rows)
        told = np.array([len(tokens) for tokens in states])
        found = {GENERATED: np.concatenate(states)}
        found[MEAN] = np.array([tokens.mean(axis=0) for tokens in states if len(tokens)])
        if at_prompt:
            found[PROMPT] = store.layer(run, "prompt", layer, rows)
        for kind, of_kind in found.items():
            scores = of_kind @ probe.vectors[layer] + probe.intercepts[layer]
            columns.setdefault(kind, []).append(scores)
    return Benign(
        run=run,
        target=probe.facts["target"],
        layers=tuple(layers),
        scores={kind: np.stack(scores, axis=1) for kind, scores in columns.items()},
        groups={GENERATED: groups.repeat(told), MEAN: groups[told > 0], PROMPT: groups},
    )
