"""What a probe method is: its estimator, what that needs besides states, and the paper that it comes from.

The methods themselves are in `core.probes.methods`, one file each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Need = Literal["labels", "polarity", "pairs", "contrast pairs", "contrast wordings", "all layers"]

NEEDS: dict[Need, str] = {
    "labels": "states of one layer (n, d) and labels",
    "polarity": "besides labels, whether each text is a statement (1) or its negation (-1)",
    "pairs": "besides labels, which answers are to one question under honest and under lie",
    "contrast pairs": "states of each question continued with each of its two choices, (n, 2, d)",
    "contrast wordings": "contrast pairs of each question in three wordings or more, (n, wordings, 2, d)",
    "all layers": "the states of every layer at once, (n, layers, d), and labels",
}

ONE_LAYER: tuple[Need, ...] = ("labels", "polarity", "pairs")
"""Needs that a stored run can meet layer by layer, with one state an answer."""
CONTRAST: tuple[Need, ...] = ("contrast pairs", "contrast wordings")
"""Needs that a run can meet layer by layer which was harvested with both continuations of each prompt."""


@dataclass(frozen=True)
class Method:
    """One way to make a probe.

    Attributes:
        name: what people choose it by.
        about: what it does, in one plain sentence.
        source: the paper.
        make: the unfitted scikit-learn estimator; see `NEEDS` for what its `fit` takes.
        targets: the targets that it can be trained for; None for all.
        sign: a sentence on where its sign comes from; None where every label takes part in the fit.
    """

    name: str
    about: str
    source: str
    make: Callable[[], Any]
    needs: Need = "labels"
    targets: tuple[str, ...] | None = None
    sign: str | None = None

    @property
    def sentence(self) -> str:
        """What it does, where its sign comes from, and its source."""
        return " ".join(part for part in (self.about, self.sign, f"Source: {self.source}.") if part)

    @property
    def one_layer(self) -> bool:
        """Whether it makes one probe of a state for each layer of a stored run."""
        return self.needs in ONE_LAYER

    @property
    def contrast(self) -> bool:
        """Whether it makes one probe of contrast pairs for each layer of a run that keeps such."""
        return self.needs in CONTRAST
