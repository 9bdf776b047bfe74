"""What a probe scores on ordinary conversation, token by token, to compare what a model speaks with."""

from dataclasses import dataclass

import numpy as np

from core.data.chat import CHAT
from core.probes.bundle import FittedProbe
from core.probes.false_alarms import Alarms, half_threshold
from core.probes.false_alarms_of_run import ALARM, benign_answers
from core.probes.of_run import labelled
from core.store.runs import RunStore

RATE = 0.05


@dataclass(frozen=True)
class TokenThreshold:
    """From where on a token's score is one that few tokens of ordinary conversation have.

    Attributes:
        rate: the share of tokens that it was set for.
        value: on the scale of the scores; None where there is too little conversation, and `why` says so.
        above: whether it alarms above the value, or below it.
        set_on: tokens that set it; false_alarms: among those of the other half of the prompts.
    """

    rate: float
    value: float | None
    above: bool
    set_on: int
    false_alarms: Alarms | None
    why: str | None

    @property
    def sentence(self) -> str:
        """What it comes to, in plain words."""
        if self.value is None:
            return f"threshold for {self.rate:.0%} of the tokens of ordinary conversation: {self.why}"
        return (
            f"threshold {'above' if self.above else 'below'} {self.value:.2f}, set for {self.rate:.0%} of "
            f"the tokens of half of the prompts of ordinary conversation (n {self.set_on:,}): it alarms on "
            f"{self.false_alarms} of the tokens of the other half"
        )


@dataclass(frozen=True, eq=False)
class Benign:
    """Scores of a probe's layer on a run of ordinary conversation.

    Attributes:
        target: of the probe.
        prompts: at each prompt's last token, (n,); none where the run kept no such states.
        tokens: at each generated token, (m,); groups: the prompt that it answers, (m,).
    """

    run: str
    target: str
    prompts: np.ndarray
    tokens: np.ndarray
    groups: np.ndarray

    def percentile(self, number: int, score: float) -> float:
        """The share of ordinary conversation's scores that lie below, 0 to 100; NaN where there are none.

        Args:
            number: 0 for a prompt's last token, which is compared with such, 1 or more for a generated one.
        """
        scores = self.tokens if number else self.prompts
        return float(100 * np.mean(scores < score)) if len(scores) else float("nan")

    def threshold(self, rate: float = RATE) -> TokenThreshold | None:
        """Where a detector would alarm that alarms on so many of the tokens of half of the prompts.

        None where the probe's target is nothing to alarm about. Prompts count, and not tokens, for whether a
        rate can be told.
        """
        if self.target not in ALARM:
            return None
        above = bool(ALARM[self.target][0])
        scores = self.tokens if above else -self.tokens
        found = half_threshold(scores, self.groups, rate)
        value = None if found.value is None else found.value if above else -found.value
        return TokenThreshold(rate, value, above, found.set_on, found.false_alarms, found.why)


def benign_scores(store: RunStore, model_content: str, probe: FittedProbe) -> Benign | None:
    """A probe's scores on the newest run of ordinary conversation with the same model and adapter.

    None where there is no such run, or none of its answers is of `benign_answers`.
    """
    for run in store.runs():
        same = run.facts.get("model_content") == model_content
        if same and run.settings["data"]["name"] == CHAT and run.answers:
            break
    else:
        return None
    frame = labelled(store, run.run)
    frame = frame[benign_answers(frame)]
    rows, layer = frame["answer"].to_numpy(dtype=int), probe.layer
    if not len(rows):
        return None
    states = store.answer_tokens(run.run, layer, rows)
    prompts = np.zeros((0, probe.vectors.shape[1]))
    if "prompt" in store.states(run.run).positions():
        prompts = store.layer(run.run, "prompt", layer, rows)

    def score(found: np.ndarray) -> np.ndarray:
        return found @ probe.vectors[layer] + probe.intercepts[layer]

    return Benign(
        run=run.run,
        target=probe.facts["target"],
        prompts=score(prompts),
        tokens=score(np.concatenate(states)),
        groups=np.repeat(frame["group"].to_numpy(), [len(tokens) for tokens in states]),
    )
