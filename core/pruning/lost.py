"""Which part of a probe's data the decisions leave without a class, what took it, and what to undo."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.best_of import best_of
from core.errors import ProbeError
from core.labels import lay_decisions
from core.probes.rows import BOTH, ProbeSettings, choose_rows, with_target

PARTS = {
    "training": "no probe can be trained on what is left",
    "validation": "no layer can be chosen for a probe that is trained on what is left",
    "test": "there is no AUROC on the test set without what was dropped",
}


@dataclass(frozen=True)
class LostClass:
    """A part that had both classes of the truth before the decisions, and has not now.

    Attributes:
        part: of `PARTS`.
        mode: of its answers, or `both`.
        gone: the classes without an answer, 0 or 1, or both.
        left: answers that are left.
        drops: how many answers of the classes that are gone were dropped for which reason, most first.
    """

    part: str
    mode: str
    gone: tuple[int, ...]
    left: int
    drops: tuple[tuple[str, int], ...]

    @property
    def stops_training(self) -> bool:
        """Whether there is no probe after pruning; else there is, and it cannot be judged on this part."""
        return self.part != "test"

    def sentence(self, names: tuple[str, str]) -> str:
        """Which part lost which class, what took it, and what to undo.

        Args:
            names: of the classes, negative first.
        """
        where = f"{self.part} data" + ("" if self.mode == BOTH else f", mode {self.mode}")
        left = f"{self.left:,} answers, all of them {names[1 - self.gone[0]]}" if self.left else "no answer"
        missing = " and ".join(names[number] for number in self.gone)
        taken = ", ".join(f"{n:,} for “{reason}”" for reason, n in self.drops)
        return (
            f"Of the {where}, the decisions leave {left}: {PARTS[self.part]}. Dropped there with truth "
            f"{missing}: {taken}. Undo drops for “{self.drops[0][0]}”, or keep some of these answers by hand."
        )


def lost_classes(judged: pd.DataFrame, labelled: pd.DataFrame, settings: ProbeSettings) -> list[LostClass]:
    """The parts of the probe's data that the decisions leave without a class of the truth.

    Validation counts as lost where no mode of it keeps both classes. A run that has too little without any
    decision gives an empty list: undoing would not help it, and the probe itself says what it lacks.

    Args:
        judged: the run's answers without any decision; labelled: the same with decisions, row by row.
    """
    whole = with_target(best_of(lay_decisions(judged, {})), "truth")
    try:
        rows = choose_rows(whole, settings)
    except ProbeError:
        return []
    truth = whole["target"].to_numpy(dtype=int)
    gone = (labelled["dropped"] | labelled["dropped_outcome"]).to_numpy(dtype=bool)
    reasons = labelled["reason"].to_numpy()

    def lost(part: str, mode: str, places: np.ndarray) -> LostClass | None:
        left = places[~gone[places]]
        missing = tuple(sorted({0, 1} - set(truth[left])))
        if not missing:
            return None
        took = places[gone[places] & np.isin(truth[places], missing)]
        drops = pd.Series(reasons[took]).value_counts()
        return LostClass(part, mode, missing, len(left), tuple((str(r), int(n)) for r, n in drops.items()))

    validation = [lost("validation", mode, places) for mode, places in rows.validation.items()]
    found = [
        lost("training", settings.train, rows.train),
        *(validation if all(validation) else []),
        lost("test", settings.test, rows.test),
    ]
    return [entry for entry in found if entry is not None]
