"""One thing asked in both modes, as far as it is answered, and what a probe makes of each token."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from core.engine.ask import MODES, Asked
from core.engine.speak import Spoken, speak
from core.errors import ModelError
from core.models.loading import LoadedModel
from core.probes.bundle import FittedProbe
from core.scoring.benign import (
    GENERATED,
    KIND_OF_POSITION,
    PROMPT,
    Benign,
    TokenThreshold,
    benign_scores,
    conversation_with,
)
from core.scoring.speech_plans import SpeechPlan
from core.scoring.state_reading import StateReading, read_state
from core.scoring.trained import AT_ONE_TOKEN, places_after_other_prompt, trained_places
from core.store.runs import RunStore


@dataclass(eq=False)
class Speech:
    """What is asked and by which probe it is scored. The rest is filled in while answers are given.

    Attributes:
        names: of the probe's negative and positive class.
        new_tokens: the most that an answer may have.
        asked: each mode as a run's decoding reads it, but greedily; there before any token is spoken.
        benign: the scores of ordinary conversation, where a run of it was found.
        spoken: of each mode, the tokens so far: the prompt's last one, then the answer's.
    """

    plan: SpeechPlan
    probe: FittedProbe
    names: tuple[str, str]
    new_tokens: int
    asked: list[Asked] = field(default_factory=list)
    benign: Benign | None = None
    spoken: tuple[list[Spoken], ...] = field(default_factory=lambda: tuple([] for _ in MODES))

    def table(self, place: int) -> pd.DataFrame:
        """One mode's tokens as they are to be shown.

        The prompt's last token is of the template: it is left out unless the probe was trained there. So are
        tokens that write nothing by themselves.

        Returns:
            Columns mode, number, piece, score (of the probe's layer), trained (whether the probe was trained
            at this position), percentile (of the score among those of ordinary conversation at the same kind
            of position, 0 to 100; NaN where there is none), probability (of the positive class; NaN where
            the probe was not trained on this one token).
        """
        probe, tokens = self.probe, list(self.spoken[place])
        position = probe.facts["position"]
        places = self._trained(place, len(tokens) - 1)
        rows = [
            {
                "mode": MODES[place],
                "number": token.number,
                "piece": token.piece,
                "score": float(token.scores[probe.layer]),
                "trained": token.number in places,
            }
            for token in tokens
            if token.piece or token.number in places
        ]
        table = pd.DataFrame(rows, columns=["mode", "number", "piece", "score", "trained"])
        scores = table["score"].to_numpy(dtype=float)
        table["percentile"] = self._percentiles(table["number"].to_numpy(dtype=int), scores)
        readable = table["trained"].astype(bool) & (position in AT_ONE_TOKEN) & self.plan.as_run
        table["probability"] = np.where(readable, probe.probability(scores), np.nan)
        return table

    def reading(self, place: int) -> StateReading | None:
        """What the probe says of one mode where it was trained: the state that a run would have stored.

        None where the answer has no such position.
        """
        position = self.probe.facts["position"]
        asked = self.asked[place]
        tokens = len(asked.generated.ids)
        if not (places := self._trained(place, tokens)):
            return None
        return read_state(
            self.probe,
            self.names,
            asked.generated.states[position][self.probe.layer],
            calibrated=self.plan.as_run or position == "mean",
            benign=self.benign,
            kind=PROMPT if places == [0] else KIND_OF_POSITION[position],
        )

    def thresholds(self, rate: float) -> tuple[TokenThreshold, ...]:
        """Where few tokens of ordinary conversation score, and where few ends of prompts do.

        Args:
            rate: how few, of `core.probes.metrics.LEAST_NEGATIVES`.

        Returns:
            That of prompts only where the probe was trained at their end, since no other such score is shown.
        """
        if self.benign is None:
            return ()
        ends = any(0 in self._trained(place, 0) for place in range(len(self.asked)))
        kinds = (GENERATED, PROMPT) if ends else (GENERATED,)
        found = [self.benign.threshold(self.probe.layer, rate, kind) for kind in kinds]
        return tuple(threshold for threshold in found if threshold is not None)

    def _trained(self, place: int, tokens: int) -> list[int]:
        """The trained places of one mode, 0 being the prompt's last token."""
        find = trained_places if self.plan.as_run else places_after_other_prompt
        return find(self.probe.facts["position"], 1, tokens, self.asked[place].generated.said)

    def _percentiles(self, numbers: np.ndarray, scores: np.ndarray) -> np.ndarray:
        found = np.full(len(scores), np.nan)
        if self.benign is not None:
            for kind, here in ((PROMPT, numbers == 0), (GENERATED, numbers > 0)):
                found[here] = self.benign.percentile(kind, self.probe.layer, scores[here])
        return found


def give_speech(
    speech: Speech,
    loaded: LoadedModel,
    store: RunStore,
    told: Callable[[], None] = lambda: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Ask, look for ordinary conversation to compare with, and let the model speak.

    Args:
        told: called as tokens arrive.
        cancelled: asked before each token.

    Raises:
        ModelError: a model of another shape than the probe's.
        DataError, TemplateError, Cancelled: see `SpeechPlan.ask` and `speak`.
    """
    probe = speech.probe
    if probe.vectors.shape != (loaded.layers, loaded.d_model):
        raise ModelError(
            f"the probe has {probe.vectors.shape[0]} layers of {probe.vectors.shape[1]} dimensions and "
            f"{loaded.name} has {loaded.layers} of {loaded.d_model}: choose a probe of this model"
        )
    if (found := conversation_with(store, loaded.fingerprint)) is not None:
        run, frame = found
        speech.benign = benign_scores(store, run.run, frame, probe, (probe.layer,))
    speech.asked.extend(speech.plan.ask(loaded, probe.facts["position"]))

    def tell(place: int, token: Spoken) -> None:
        speech.spoken[place].append(token)
        told()

    prompts = [asked.prompt for asked in speech.asked]
    speak(loaded, prompts, probe.scores, speech.new_tokens, tell=tell, cancelled=cancelled)
