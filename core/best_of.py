"""Best of n: of several sampled lie-mode answers to one question, the first that is a lie is chosen.

Choosing by the outcome makes a training set, and makes a rate too: with enough draws anything lies once. So
the rate before choosing always stands beside the one after, and what is chosen trains and never tests.
Sample 0 is therefore never chosen: it is the answer as it came, with no look at what it says, and test data
takes it alone (see `core.probes.rows`). Testing on sample 0 only where it was *not* chosen would test on the
answers that failed to lie.
"""

from dataclasses import dataclass

import pandas as pd

from core.labels import before_outcome_pruning, share_with_interval

MODE = "lie"
CELL = ["question", "wording", "order", "demo_set"]


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % interval and the n that it is of; None where n is 0."""

    share: float | None
    ci: tuple[float, float] | None
    n: int

    def to_json(self) -> dict:
        """Plain values."""
        return {"share": self.share, "ci": list(self.ci) if self.ci else None, "n": self.n}


@dataclass(frozen=True)
class BestOf:
    """What choosing came to, over the questions whose answers can be judged.

    Attributes:
        samples: n, the answers drawn in each cell of question × wording × choice order × demonstration set.
        against: what a chosen answer contradicts: `belief`, or `truth` where nothing was asked under honest.
        qualified: how many of all the samples are lies.
        before: the share of all the samples that are lies.
        after: the share of the cells in which one was chosen, of samples 1 to n - 1.
        unsure: cells left out, because the model's belief is unsure.
    """

    samples: int
    against: str
    qualified: int
    before: Rate
    after: Rate
    unsure: int

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        return {
            "samples": self.samples,
            "candidates": self.samples - 1,
            "against": self.against,
            "qualified": self.qualified,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "unsure": self.unsure,
        }

    def sentence(self) -> str:
        """All of it in words."""
        if not self.after.n:
            return f"Best of {self.samples}: no question's belief is sure enough to tell a lie by."
        unsure = f" {self.unsure:,} questions with an unsure belief are left out." if self.unsure else ""
        return (
            f"Best of {self.samples}: before choosing, {_words(self.before)} of the sampled answers are lies "
            f"({self.qualified:,} qualified); after choosing, {_words(self.after)} of the questions have one "
            f"among samples 1 to {self.samples - 1}. Chosen answers train only; tests take sample 0, which "
            f"is never chosen.{unsure}"
        )


def several_samples(frame: pd.DataFrame) -> bool:
    """Whether lie-mode questions were answered more than once."""
    return bool(((frame["mode"] == MODE) & (frame["sample"] > 0)).any())


def best_of(labelled: pd.DataFrame) -> pd.DataFrame:
    """Mark the chosen answers.

    In each cell the chosen one is the first by sample number, from 1 on, that is readable, contradicts what
    the model believes and was not dropped; there may be none. Where the run asked nothing under honest, so
    that no belief is known, it contradicts the truth instead.

    Args:
        labelled: what `label_answers` gives.

    Returns:
        The frame with the column `selected`, False everywhere in a run of one sample.
    """
    candidates = labelled[
        (labelled["mode"] == MODE)
        & (labelled["sample"] > 0)
        & _is_lie(labelled)
        & ~labelled["dropped"].astype(bool)
        & ~labelled["dropped_outcome"].astype(bool)
    ]
    chosen = candidates.sort_values("sample", kind="stable").drop_duplicates(CELL)
    return labelled.assign(selected=labelled["answer"].isin(set(chosen["answer"])))


def best_of_summary(labelled: pd.DataFrame) -> BestOf | None:
    """The rates before and after choosing, side by side; None for a run of one sample.

    Answers dropped for quality are left out of the rate before; they cannot be chosen either.

    Args:
        labelled: what `best_of` gives.
    """
    if not several_samples(labelled):
        return None
    rows = labelled[labelled["mode"] == MODE]
    against = _against(labelled)
    judged = rows[rows["believes"].notna()] if against == "belief" else rows
    cells = judged.groupby(CELL).agg(selected=("selected", "max"), group=("group", "first"))
    counted = judged[before_outcome_pruning(judged)]
    lies = _is_lie(labelled)[counted.index].astype(float)
    return BestOf(
        samples=int(rows["sample"].max()) + 1,
        against=against,
        qualified=int(lies.sum()),
        before=_rate(lies, counted["group"]),
        after=_rate(cells["selected"].astype(float), cells["group"]),
        unsure=len(rows[CELL].drop_duplicates()) - len(cells),
    )


def _against(labelled: pd.DataFrame) -> str:
    return "belief" if (labelled["mode"] == "honest").any() else "truth"


def _is_lie(labelled: pd.DataFrame) -> pd.Series:
    return labelled["lie"] == 1 if _against(labelled) == "belief" else labelled["said_true"] == 0


def _rate(values: pd.Series, groups: pd.Series) -> Rate:
    if values.empty:
        return Rate(None, None, 0)
    share, (low, high) = share_with_interval(values, groups)
    return Rate(share, (low, high), len(values))


def _words(rate: Rate) -> str:
    if rate.share is None or rate.ci is None:
        return "none"
    return f"{rate.share:.0%} (95 %: {rate.ci[0]:.0%} to {rate.ci[1]:.0%}, n {rate.n:,})"
