"""What scoring statements comes to, as plain values, and as the JSON that scripts count on."""

from dataclasses import dataclass
from math import isnan

import numpy as np
import pandas as pd

from core.data.statements import Statement
from core.scoring.benign import Benign

WAYS = {
    "read": "as read",
    "own_turn": "as its own turn, mean over tokens,",
    "own_turn_last": "as its own turn, last token,",
}


@dataclass(frozen=True, eq=False)
class TokenScores:
    """Probe scores over the tokens of one prompt.

    Attributes:
        tokens: as the tokenizer writes them.
        pieces: the text that each token adds; empty for the later bytes of a character.
        scores: (tokens, layers); each layer by its own probe; above 0 is the positive class.
        masked: (tokens,): tokens of the template, special tokens and the very first one: their scores are not
            about the statement. The trained position is never masked.
        trained: (tokens,): positions that the probe was trained on; scores at the others are to be hatched.
        kinds: the kind of position that each token's score is compared at, of `core.scoring.benign`; empty
            where it is masked.
        percentiles: (tokens, layers), 0 to 100: of each score among those of ordinary conversation at the
            same kind of position; NaN where masked or nothing is known of that kind, None without
            conversation.
    """

    tokens: tuple[str, ...]
    pieces: tuple[str, ...]
    scores: np.ndarray
    masked: np.ndarray
    trained: np.ndarray
    kinds: tuple[str, ...]
    percentiles: np.ndarray | None

    def to_json(self) -> dict:
        """Lists under the names that scripts count on; a percentile that is not known is null."""
        among = None
        if self.percentiles is not None:
            rows = self.percentiles.tolist()
            among = [[None if isnan(value) else value for value in row] for row in rows]
        return {
            "tokens": list(self.tokens),
            "pieces": list(self.pieces),
            "masked": self.masked.tolist(),
            "trained": self.trained.tolist(),
            "kinds": list(self.kinds),
            "token_scores": self.scores.tolist(),
            "token_percentiles": among,
        }


@dataclass(frozen=True, eq=False)
class AsRead:
    """A statement that the model read in the run's own prompt, under one mode.

    Attributes:
        prompt: as the model read it.
        generated: what it then wrote, greedily.
        said: the choice that this amounts to, None where there is none.
        leans: the choice with the most probability at the answer's first token; leans_calibrated: with the
            template's own leaning taken off, as in the run.
        choice_probabilities: of the run's two choices, negative first; outside: of anything else.
        score: of the probe at the chosen layer and the trained position; None where the answer has no such
            position (nothing was said).
        probability: calibrated, of the probe's positive class.
        percentile, benign_percentile, distance_percentile, unlike_training, probe_says: as in
            `core.scoring.state_reading.StateReading`.
        tokens: over the prompt and the generated answer.
    """

    statement: Statement
    mode: str
    prompt: str
    generated: str
    said: str | None
    leans: str
    leans_calibrated: str
    choice_probabilities: tuple[float, float]
    outside: float
    score: float | None
    probability: float | None
    percentile: float | None
    benign_percentile: float | None
    distance_percentile: float | None
    unlike_training: bool
    probe_says: str | None
    tokens: TokenScores

    def to_json(self) -> dict:
        """One entry of `scores`."""
        return {
            "text": self.statement.text,
            "question": self.statement.question,
            "expected": self.statement.label,
            "mode": self.mode,
            "forced": False,
            "generated": self.generated,
            "said": self.said,
            "leans": self.leans,
            "leans_calibrated": self.leans_calibrated,
            "choice_probabilities": list(self.choice_probabilities),
            "outside": self.outside,
            "score": self.score,
            "probability": self.probability,
            "probe_says": self.probe_says,
            "percentile": self.percentile,
            "benign_percentile": self.benign_percentile,
            "distance_percentile": self.distance_percentile,
            "unlike_training": self.unlike_training,
            **self.tokens.to_json(),
        }


@dataclass(frozen=True, eq=False)
class OwnTurn:
    """A statement forced into the model's own turn: it did not choose these words.

    Attributes:
        prompt: with the forced words at its end.
        score: mean over the statement's tokens at the chosen layer; last_score: at its last token.
        probability: calibrated; only for a probe of position `mean`, None otherwise, since no other one was
            trained on such a state.
        percentile, benign_percentile, distance_percentile, unlike_training: of the mean, as in `AsRead`.
        tokens: over the whole prompt; those of the statement are not masked.
    """

    statement: Statement
    mode: str
    prompt: str
    score: float
    last_score: float
    probability: float | None
    percentile: float
    benign_percentile: float | None
    distance_percentile: float
    unlike_training: bool
    probe_says: str | None
    tokens: TokenScores

    def to_json(self) -> dict:
        """One entry of `own_turn`."""
        return {
            "text": self.statement.text,
            "question": self.statement.question,
            "expected": self.statement.label,
            "mode": self.mode,
            "forced": True,
            "score": self.score,
            "last_score": self.last_score,
            "probability": self.probability,
            "probe_says": self.probe_says,
            "percentile": self.percentile,
            "benign_percentile": self.benign_percentile,
            "distance_percentile": self.distance_percentile,
            "unlike_training": self.unlike_training,
            **self.tokens.to_json(),
        }


@dataclass(frozen=True)
class SetArea:
    """How well the scores of a set tell the expected labels apart, in one mode and one way of scoring.

    Attributes:
        way: `read`; `own_turn` (mean over its tokens); `own_turn_last` (its last token, the only one that has
            seen it all).
        n: statements with an expected label and a score; positive: those of them in the positive class.
        auroc, ci: None where `reason` says why.
        positive_label: the expected label that the probe should score higher: 1, and 0 for a probe of lies.
    """

    way: str
    mode: str
    n: int
    positive: int
    positive_label: int
    auroc: float | None
    ci: tuple[float, float] | None
    reason: str | None

    def sentence(self) -> str:
        """The figure with what it stands on, or why there is none."""
        what = f"{WAYS[self.way]} under {self.mode}"
        if self.auroc is None or self.ci is None:
            return f"{what}: {self.reason}"
        low, high = self.ci
        return f"{what}: AUROC {self.auroc:.3f}, 95 % interval {low:.3f} to {high:.3f}, n {self.n}"

    def to_json(self) -> dict:
        """Plain values."""
        return {
            "way": self.way,
            "mode": self.mode,
            "auroc": self.auroc,
            "auroc_ci": None if self.ci is None else list(self.ci),
            "n": self.n,
            "positive": self.positive,
            "positive_label": self.positive_label,
            "reason": self.reason,
        }


@dataclass(frozen=True, eq=False)
class StatementScores:
    """Statements scored in each mode.

    Attributes:
        layer, position, target: of the probe.
        positive_name, negative_name: what its two classes mean.
        choices: the answers that the run's template offers, negative first.
        read, own_turn: one entry per statement and mode: statement by statement, modes within.
        areas: one per way and mode; empty where no statement has an expected label.
        training_scores, training_target: of the answers that the probe was trained on, at the chosen layer,
            (n,).
        notes: what a reader must know, in sentences.
        benign: the ordinary conversation that scores were compared with; None where there was none.
    """

    layer: int
    position: str
    target: str
    positive_name: str
    negative_name: str
    choices: tuple[str, str]
    read: tuple[AsRead, ...]
    own_turn: tuple[OwnTurn, ...]
    areas: tuple[SetArea, ...]
    training_scores: np.ndarray
    training_target: np.ndarray
    notes: tuple[str, ...]
    benign: Benign | None = None

    def __repr__(self) -> str:
        return (
            f"StatementScores: {len(self.read)} scores as read, {len(self.own_turn)} as the model's own "
            f"turn, by a probe of {self.target} at {self.position}, layer {self.layer}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a statement and mode, as read.

        Returns:
            Columns text, mode, said, leans, score, probability (calibrated, of the positive class),
            probe_says, and unlike: whether the state is unlike anything that the probe was trained on.
        """
        return pd.DataFrame(
            [
                {
                    "text": entry.statement.text,
                    "mode": entry.mode,
                    "said": entry.said,
                    "leans": entry.leans,
                    "score": entry.score,
                    "probability": entry.probability,
                    "probe_says": entry.probe_says,
                    "unlike": entry.unlike_training,
                }
                for entry in self.read
            ]
        )

    def to_json(self) -> dict:
        """One object under the names that scripts count on."""
        return {
            "layer": self.layer,
            "position": self.position,
            "target": self.target,
            "positive": self.positive_name,
            "negative": self.negative_name,
            "choices": list(self.choices),
            "scores": [entry.to_json() for entry in self.read],
            "own_turn": [entry.to_json() for entry in self.own_turn],
            "areas": [area.to_json() for area in self.areas],
            "training": {
                "n": len(self.training_scores),
                "scores": self.training_scores.tolist(),
                "target": self.training_target.tolist(),
            },
            "notes": list(self.notes),
            "conversation": None if self.benign is None else self.benign.run,
        }
