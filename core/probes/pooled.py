"""A probe's figure with the mode hidden, and beyond what the output alone says.

Within lie mode alone a probe of the truth may win by knowing that everything is inverted there. Judged on the
answers of all modes at once it has to read each without being told under which instruction it was given.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.probes.controls import against
from core.probes.metrics import Area, Control, area


@dataclass(frozen=True)
class Pooled:
    """One probe at one layer on the test answers of all modes.

    Attributes:
        area: of the scores as they are.
        controls: those that are to be had, by name, on the same answers, with the probe's margin over each.
        beyond: of what is left of the scores once the output's entropy and log-odds are regressed out in
            each mode; None where a class is missing.
    """

    area: Area
    controls: Mapping[str, Control]
    beyond: Area | None

    @property
    def rival(self) -> str | None:
        """The control with the highest AUROC, chosen after the fact, which favours it; None without any."""
        return max(self.controls, key=lambda name: self.controls[name].auroc, default=None)

    @property
    def control(self) -> Control | None:
        """The figure of `rival`."""
        return None if self.rival is None else self.controls[self.rival]

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        return {
            **self.area.to_json(),
            "best_control": self.rival,
            "control": None if self.control is None else self.control.to_json(),
            "controls": {name: found.to_json() for name, found in self.controls.items()},
            "beyond_output": None if self.beyond is None else self.beyond.to_json(),
        }


def pool(
    target: np.ndarray,
    scores: np.ndarray,
    left: np.ndarray,
    rivals: Mapping[str, np.ndarray],
    groups: np.ndarray,
) -> Pooled:
    """Judge scores of the answers of all modes, (rows,) each.

    Args:
        left: what `core.probes.controls.beyond_output` left of them.
        rivals: see `core.probes.rivals.Rivals`.

    Raises:
        ProbeError: one class only.
    """
    controls = {name: against(target, scores, rival, groups) for name, rival in rivals.items()}
    known = ~np.isnan(left)
    whole = len(set(target[known])) == 2
    return Pooled(
        area(target, scores, groups),
        {name: control for name, control in controls.items() if control is not None},
        area(target[known], left[known], groups[known]) if whole else None,
    )
