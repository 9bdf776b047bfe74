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
        rival: the control with the highest AUROC on the same answers, chosen after the fact: that favours it.
        control: that control, with the probe's margin over it; None where none can be had.
        beyond: of what is left of the scores once the output's entropy and log-odds are regressed out in
            each mode; None where a class is missing.
    """

    area: Area
    rival: str | None
    control: Control | None
    beyond: Area | None

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        return {
            **self.area.to_json(),
            "best_control": self.rival,
            "control": None if self.control is None else self.control.to_json(),
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
        rivals: see `core.probes.controls.rival_scores`.

    Raises:
        ProbeError: one class only.
    """
    controls = {name: against(target, scores, rival, groups) for name, rival in rivals.items()}
    found = {name: control for name, control in controls.items() if control is not None}
    best = max(found, key=lambda name: found[name].auroc, default=None)
    known = ~np.isnan(left)
    whole = len(set(target[known])) == 2
    return Pooled(
        area(target, scores, groups),
        best,
        None if best is None else found[best],
        area(target[known], left[known], groups[known]) if whole else None,
    )
