"""What judging a run's shifts comes to: figures, a table, and the plain sentence under them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.probes.metrics import Area, Margin
from core.probes.rows import ProbeSettings
from core.probes.shifts_drop import Drop

ALONE = "the unshifted run alone"
WITH_HALF = "half of the shifts as well"
CHANCE = 0.5


@dataclass(frozen=True)
class Training:
    """One probe.

    Attributes:
        shifts: the names of the shifts that trained it beside the unshifted run.
        runs: all that trained it, the unshifted run first.
        layer: chosen on their validation questions.
        unshifted: on the test questions of the unshifted run.
    """

    shifts: tuple[str, ...]
    runs: tuple[str, ...]
    layer: int
    n_train: int
    unshifted: Area


@dataclass(frozen=True)
class ShiftFigure:
    """One shifted run, judged by a probe that never saw its shift.

    Attributes:
        shift, run: its name and id.
        area: on its test answers; unshifted: of the same probe on the same questions as the unshifted run
            asks them; drop: the second less the first.
        gain: over the probe of the unshifted run alone, on the same answers; None for that one itself.
    """

    shift: str
    run: str
    training: Training
    area: Area
    unshifted: Area
    drop: Drop
    gain: Margin | None = None

    @property
    def regime(self) -> str:
        """What the probe was trained on, in words."""
        return WITH_HALF if self.training.shifts else ALONE

    def to_row(self) -> dict[str, object]:
        """One row of `Shifts.to_frame`."""
        (low, high), (least, most) = self.area.ci, self.drop.ci
        gain, (worse, better) = (np.nan, (np.nan, np.nan)) if self.gain is None else _ends(self.gain)
        return {
            "shift": self.shift,
            "run": self.run,
            "trained_on": self.regime,
            "trained_with": ", ".join(self.training.shifts),
            "layer": self.training.layer,
            "n_train": self.training.n_train,
            "auroc": self.area.auroc,
            "low": low,
            "high": high,
            "n": self.area.n,
            "positive": self.area.positive,
            "unshifted": self.unshifted.auroc,
            "drop": self.drop.value,
            "drop_low": least,
            "drop_high": most,
            "questions": self.drop.questions,
            "groups": self.drop.groups,
            "gain": gain,
            "gain_low": worse,
            "gain_high": better,
        }


@dataclass(frozen=True)
class Shifts:
    """All shifts of a run.

    Attributes:
        trainings: the probe of the unshifted run alone first, then those with one half of the shifts.
        figures: of every shift by the first, then of every shift by the one whose half it is not in; the
            latter are missing where there are not two shifts of different names.
        n_dropped: answers that people pruned, of all runs.
    """

    settings: ProbeSettings
    trainings: tuple[Training, ...]
    figures: tuple[ShiftFigure, ...]
    n_dropped: int

    def __repr__(self) -> str:
        return f"Shifts: {self.sentence()}"

    def to_frame(self) -> pd.DataFrame:
        """One row a figure, with the columns of `ShiftFigure.to_row`; what cannot be had is NaN."""
        return pd.DataFrame([figure.to_row() for figure in self.figures])

    def of_regime(self, regime: str) -> list[ShiftFigure]:
        """The figures of one way of training."""
        return [figure for figure in self.figures if figure.regime == regime]

    def sentence(self) -> str:
        """What is lost, and what training with other shifts gives back, in plain words."""
        own, alone = self.trainings[0].unshifted, self.of_regime(ALONE)
        said = f"On the questions as they were AUROC is {_in_words(own.auroc, own.ci)}, n {own.n:,}."
        if own.ci[0] <= CHANCE <= own.ci[1]:
            return f"{said} That cannot be told from chance: there is nothing for a shift to take away."
        lost = sorted((f for f in alone if f.drop.ci[0] > 0), key=lambda figure: -figure.drop.value)
        if not lost:
            return f"{said} Of {len(alone)} shifts none has a drop whose interval lies above 0."
        named = ", ".join(f"{f.shift} {_in_words(f.drop.value, f.drop.ci)}" for f in lost)
        said += f" Of {len(alone)} shifts {len(lost)} have a drop whose interval lies above 0: {named}."
        again = {figure.run: figure for figure in self.of_regime(WITH_HALF)}
        if not again:
            return said
        better = [f.shift for f in lost if (gain := again[f.run].gain) is not None and gain.ci[0] > 0]
        on = ", ".join(better) or "none of these"
        return (
            f"{said} Trained with the other half of the shifts as well, the probe is clearly better on {on}."
        )

    def notes(self) -> list[str]:
        """What a reader must know beside the figures."""
        found = [
            "Intervals of drops are a bootstrap over groups of the questions that both runs share, with the "
            "probes as they were fitted; of many intervals one in twenty misses by chance."
        ]
        if len(self.trainings) == 1:
            return [*found, "Training with half of the shifts needs shifts of two different names or more."]
        one, other = (", ".join(training.shifts) for training in self.trainings[1:])
        return [*found, f"The halves take turns in the order of the shifts' names: {one} | {other}."]


def _ends(gain: Margin) -> tuple[float, tuple[float, float]]:
    return gain.value, gain.ci


def _in_words(value: float, ci: tuple[float, float]) -> str:
    return f"{value:.3f} ({ci[0]:.3f} to {ci[1]:.3f})"
