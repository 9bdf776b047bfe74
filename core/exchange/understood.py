"""What an import would come to, so that a person sees what was understood before anything is stored."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.exchange.brought_states import bring, place_of
from core.exchange.imported_answers import GENERATED, MODE, NO_MODE, SAID, ImportedAnswers
from core.exchange.transcripts import read_transcripts

FEW_GROUPS = 20
"""Groups below which a split into training and test questions leaves next to nothing to judge on."""


@dataclass(frozen=True, eq=False)
class Understood:
    """What was understood of what a person brings.

    Attributes:
        layers, d_model: of states; None of answers, which a model is yet to read.
        without_label: samples of a log that were scored neither correct nor incorrect, and are left out.
    """

    answers: ImportedAnswers
    layers: int | None
    d_model: int | None
    without_label: int

    @property
    def rows(self) -> int:
        """How many answers the run would have."""
        return len(self.answers.numbers)

    @property
    def groups(self) -> int:
        """How many groups of questions there are, none of which is ever split."""
        return len({question.group for question in self.answers.questions})

    def counts(self) -> pd.DataFrame:
        """One row a mode: its answers, and how many of them have each label."""
        told = self.answers
        found = Counter(
            (mode, told.questions[number].label)
            for mode, number in zip(told.modes, told.numbers, strict=True)
        )
        return pd.DataFrame(
            {
                MODE: mode,
                "answers": found[mode, 0] + found[mode, 1],
                **{f"label {choice}": found[mode, side] for side, choice in enumerate(told.choices)},
            }
            for mode in dict.fromkeys(told.modes)
        )

    def first(self, most: int) -> pd.DataFrame:
        """The first answers, one a row, as they would be stored."""
        told = self.answers
        return pd.DataFrame(
            {
                "text": told.questions[told.numbers[row]].text,
                "label": told.choices[told.questions[told.numbers[row]].label],
                MODE: told.modes[row],
                SAID: None if (said := told.said[row]) is None else told.choices[said],
                GENERATED: told.generated[row],
                "group": told.questions[told.numbers[row]].group,
            }
            for row in range(min(most, self.rows))
        )

    def lacks(self) -> list[str]:
        """What is not there, and what that means: a sentence each."""
        told, found = self.answers, []
        if self.layers is not None and (unsaid := sum(said is None for said in told.said)):
            found.append(
                f"{unsaid:,} of {self.rows:,} answers do not say what was said (column `{SAID}`): whether "
                "those are lies is not known, and only probes of the truth can use them."
            )
        if set(told.modes) == {NO_MODE}:
            found.append(
                f"No answer names the instruction it was given under (column `{MODE}`: honest, lie …): all "
                f"stand under {NO_MODE}, and pages that set honest against lie have nothing to compare."
            )
        if self.groups < FEW_GROUPS:
            found.append(
                f"There are {self.groups:,} groups of questions, and a group is never split between training "
                f"and test: bring {FEW_GROUPS} or more for a probe to be judged on."
            )
        if self.without_label:
            found.append(
                f"{self.without_label:,} samples were scored neither correct nor incorrect, and are left out."
            )
        return found


def understand_states(
    states: Path, labels: Path | None, text: str | None = None, label: str | None = None
) -> Understood:
    """What states and their labels would come to; of the states only shapes are looked at.

    Args:
        labels: None where a dataset has them.
        text, label: the columns; None to guess.

    Raises:
        DataError, ModelError: see `core.exchange.import_states.import_states`.
    """
    found = bring(states, labels, text, label)
    return Understood(found.answers, found.source.layers, found.source.d_model, 0)


def understand_answers(path: Path) -> Understood:
    """What transcripts or a log would come to; whether each fits a model's context is seen as it is read.

    Raises:
        DataError: see `core.exchange.transcripts.read_transcripts`.
    """
    found = read_transcripts(place_of(path))
    return Understood(found.answers, None, None, found.without_label)
