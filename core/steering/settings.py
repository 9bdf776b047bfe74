"""The settings of a steering experiment: everything that decides its figures, as a plain value."""

import math
from dataclasses import dataclass

from core.engine.steer import HOW, WHERE, How, Where
from core.errors import ProbeError
from core.probes.method import NEEDS
from core.probes.methods import METHODS, method_named
from core.probes.rows import BOTH, TARGETS, ProbeSettings, default_modes

ALPHAS = (-1.0, -0.5, 0.5, 1.0)
"""The usual grid, in typical state norms; 0 is always measured besides."""
MOST_ALPHAS, MOST_QUESTIONS, MOST_RANDOM = 40, 1000, 1000
FEWEST_RANDOM = 19
"""Random directions below which none of them can be beaten at p ≤ 0.05: (1 + 0) / (1 + 19)."""


@dataclass(frozen=True)
class SteerSettings:
    """One experiment on one run.

    Attributes:
        layer: where states are changed, and of which the direction is.
        how: `add`, `project` (out) or `patch` (the other mode's state of the same question).
        where: the positions, of `core.engine.steer.WHERE`.
        alphas: how much is added, in mean norms of the layer's states at the last prompt token of training
            answers; kept sorted, without 0. Of no use to `project` and `patch`.
        method, target: of the probe whose direction it is.
        n: questions of the test groups, each asked in each mode.
        random: how many random directions.
        seed: of the split (as the probe's), the questions and the random directions.
    """

    layer: int
    how: How = "add"
    where: Where = "last"
    alphas: tuple[float, ...] = ALPHAS
    method: str = "logistic"
    target: str = "truth"
    n: int = 40
    random: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.how not in HOW:
            raise ProbeError(f"unknown way to steer {self.how!r}: choose {', '.join(HOW)}")
        if self.where not in WHERE:
            raise ProbeError(f"unknown positions {self.where!r}: choose {', '.join(WHERE)}")
        if self.how == "patch" and self.where != "last":
            raise ProbeError(
                f"a run keeps one state of each prompt, its last token's: patch positions last, not "
                f"{self.where!r}"
            )
        if not method_named(self.method).one_layer:
            raise ProbeError(
                f"method {self.method!r} needs {NEEDS[method_named(self.method).needs]}, which gives no "
                f"direction to steer the states of one layer by: choose {', '.join(METHODS)}"
            )
        if self.target not in TARGETS:
            raise ProbeError(f"unknown target {self.target!r}: choose {', '.join(TARGETS)}")
        if not all(math.isfinite(alpha) and abs(alpha) <= 1000 for alpha in self.alphas):
            raise ProbeError("alphas are numbers from -1000 to 1000, in typical state norms")
        alphas = tuple(sorted({float(alpha) for alpha in self.alphas} - {0.0})) if self.how == "add" else ()
        if self.how == "add" and not 1 <= len(alphas) <= MOST_ALPHAS:
            raise ProbeError(f"{len(alphas)} alphas other than 0: choose 1 to {MOST_ALPHAS}")
        object.__setattr__(self, "alphas", alphas)
        if self.layer < 0:
            raise ProbeError(f"there is no layer {self.layer}: choose 0 or more")
        if not 1 <= self.n <= MOST_QUESTIONS:
            raise ProbeError(f"{self.n} questions: choose 1 to {MOST_QUESTIONS}")
        if not 0 <= self.random <= MOST_RANDOM:
            raise ProbeError(f"{self.random} random directions: choose 0 to {MOST_RANDOM}")
        if self.seed < 0:
            raise ProbeError(f"seed {self.seed} is negative: choose 0 or more")

    @property
    def strengths(self) -> tuple[float, ...]:
        """The strengths of each direction besides 0: the alphas, or 1 for what is done or not done."""
        return self.alphas if self.how == "add" else (1.0,)

    @property
    def conditions(self) -> int:
        """How often each question is answered in each mode."""
        return 1 + len(self.strengths) * (2 + self.random)

    def probe(self, modes: list[str]) -> ProbeSettings:
        """The probe whose direction it is, for a run of these modes: of honest answers where it can be.

        Targets and methods that need both modes get both.

        Raises:
            ProbeError: see `ProbeSettings`.
        """
        both = self.target in ("mode", "lie") or method_named(self.method).needs == "pairs"
        train = BOTH if both else default_modes(modes)[0]
        return ProbeSettings(
            self.method, self.target, "prompt", train=train, test=train, seed=self.seed, permutations=0
        )
