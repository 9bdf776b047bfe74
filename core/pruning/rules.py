"""The rules that suggest a drop: a registry, each with its kind, its reason in words, and what it marks.

A *quality* rule looks at how an answer reads; an *outcome* rule looks at what is to be measured. Pruning test
data on the outcome makes the measure, so that outcome drops reach training data only (see `core.labels`).
A new rule is one entry in `RULES`; its name is the reason of the drops that it makes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from core.open_answers import not_judged

Kind = Literal["quality", "outcome"]
Mask = Callable[[pd.DataFrame], pd.Series]

LITTLE_MASS = 0.1
ASKED = ["text", "claim", "mode", "wording", "order", "demo_set", "sample"]
SAME_BUT_WORDING = ["question", "mode", "order", "demo_set", "sample"]


@dataclass(frozen=True)
class Rule:
    """One reason to drop an answer.

    Attributes:
        kind: `quality` drops hold for all data, `outcome` drops for training data only.
        explanation: what it marks and why, in a sentence.
        marks: judged answers (see `core.labels.judge_answers`) to one boolean per row.
    """

    name: str
    kind: Kind
    explanation: str
    marks: Mask


def not_finite(frame: pd.DataFrame) -> pd.Series:
    """Which answers are no measurement: a state or probability was NaN or infinite. Never in any data."""
    return frame.get("not_finite", pd.Series(False, frame.index)).astype(bool)


def _unreadable(frame: pd.DataFrame) -> pd.Series:
    return frame["said"].isna() & ~not_judged(frame) & ~not_finite(frame)


def _little_mass(frame: pd.DataFrame) -> pd.Series:
    return frame["p_0"] + frame["p_1"] < LITTLE_MASS


def _duplicate(frame: pd.DataFrame) -> pd.Series:
    return frame.duplicated(ASKED)


def _said_the_truth(frame: pd.DataFrame) -> pd.Series:
    return (frame["mode"] == "lie") & (frame["said_true"] == 1)


def _wrong_under_honest(frame: pd.DataFrame) -> pd.Series:
    return frame["knows"] == 0


def _belief_unsure(frame: pd.DataFrame) -> pd.Series:
    return (frame["belief_basis"] != "") & frame["believes"].isna()


def _inconsistent(frame: pd.DataFrame) -> pd.Series:
    said = frame.groupby(SAME_BUT_WORDING)["said"]
    return frame["said"].notna() & (said.transform("min") != said.transform("max"))


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            "not finite",
            "quality",
            "A state or a probability was NaN or infinite: no measurement, and left out whatever is decided.",
            not_finite,
        ),
        Rule(
            "no choice given",
            "quality",
            "What was generated holds no choice, both of them, or one that is taken back.",
            _unreadable,
        ),
        Rule(
            "too little mass",
            "quality",
            f"The two choices together have less than {LITTLE_MASS:.0%} of the first token's probability.",
            _little_mass,
        ),
        Rule(
            "duplicate",
            "quality",
            "The same text was asked before, in the same mode, wording, order and sample.",
            _duplicate,
        ),
        Rule(
            "said the truth",
            "outcome",
            "It was told to lie and said the truth.",
            _said_the_truth,
        ),
        Rule(
            "wrong under honest",
            "outcome",
            "The model does not know: under honest it holds what is not true, so that to say it is an error "
            "and not a lie.",
            _wrong_under_honest,
        ),
        Rule(
            "belief unsure",
            "outcome",
            "The model does not know: its honest answers settle on no choice.",
            _belief_unsure,
        ),
        Rule(
            "inconsistent with another wording",
            "outcome",
            "Under another wording of the same mode it said the other choice to the same question.",
            _inconsistent,
        ),
    )
}
