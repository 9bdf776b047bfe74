"""One thing asked in both modes, as far as it is answered, and what a probe makes of each token."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from core.engine.ask import MODES, Asked, ask
from core.engine.plan import Plan
from core.engine.speak import Spoken, speak
from core.errors import ModelError
from core.models.loading import LoadedModel
from core.probes.bundle import FittedProbe
from core.scoring.benign import Benign, benign_scores
from core.scoring.entries import trained_places
from core.store.runs import RunStore

AT_ONE_TOKEN = ("prompt", "before", "answer")
"""Positions whose state is that of one token, so that a token's score there can be read as a probability."""


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

    plan: Plan
    text: str
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
        places = trained_places(position, 1, len(tokens) - 1, self.asked[place].generated.said)
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
        table["percentile"] = [
            np.nan if self.benign is None else self.benign.percentile(row.number, row.score)
            for row in table.itertuples()
        ]
        readable = table["trained"].astype(bool) & (position in AT_ONE_TOKEN)
        scores = table["score"].to_numpy(dtype=float)
        table["probability"] = np.where(readable, probe.probability(scores), np.nan)
        return table


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
        TemplateError, Cancelled: see `ask` and `speak`.
    """
    probe = speech.probe
    if probe.vectors.shape != (loaded.layers, loaded.d_model):
        raise ModelError(
            f"the probe has {probe.vectors.shape[0]} layers of {probe.vectors.shape[1]} dimensions and "
            f"{loaded.name} has {loaded.layers} of {loaded.d_model}: choose a probe of this model"
        )
    settings = speech.plan.settings
    greedy = replace(settings, decoding=replace(settings.decoding, temperature=0.0))
    speech.asked.extend(ask(loaded, replace(speech.plan, settings=greedy), speech.text))
    speech.benign = benign_scores(store, loaded.fingerprint, probe)

    def tell(place: int, token: Spoken) -> None:
        speech.spoken[place].append(token)
        told()

    prompts = [asked.prompt for asked in speech.asked]
    speak(loaded, prompts, probe.scores, speech.new_tokens, tell=tell, cancelled=cancelled)
