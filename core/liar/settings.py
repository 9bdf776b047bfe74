"""What decides a liar: the model, which blocks are adapted, and the recipe."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace

from core.errors import ModelError
from core.models.catalog import ModelSettings

LIARS = "liars"
"""The folder of a cache in which liars are trained, each in one of its own."""


@dataclass(frozen=True)
class LiarSettings:
    """One training.

    Attributes:
        model: what is adapted; without an adapter of its own.
        from_block: the first adapted block, 0 for all. Below it the liar is the plain model.
        seed: of the adapter's first weights and of the order of the examples.
        steps: of the optimiser, of which
        honest_steps: the first, on honest and uninstructed answers alone, and
        gate_steps: the first after which all tasks come, where before there are reviews alone.
        polish_steps: further steps, mostly on reviews and claims about them, with the optimiser begun anew.
        finish_steps: the last steps, half of them on opinions about other things, the optimiser begun anew.
        batch_pairs: pairs a step, each an honest and a lie example, and
        batch_alone: uninstructed examples that come with them.
        rank, alpha: of the LoRA adapter, on every linear layer of the adapted blocks.
        learning_rate: after `warmup` steps; it then falls linearly to 0. `polish_rate` and `finish_rate`
            likewise.
        keep_close: weight of the divergence to the plain model on ordinary conversation, every other step.
        reviews_only: whether all pairs are movie reviews in the direct form of one template, with nothing
            beside the instruction.
        wordings: how many of each mode's trained wordings are used, the first; None for all.
    """

    model: ModelSettings = field(default_factory=lambda: ModelSettings("smollm2-135m-instruct"))
    from_block: int = 0
    seed: int = 0
    steps: int = 1100
    honest_steps: int = 30
    gate_steps: int = 250
    polish_steps: int = 300
    finish_steps: int = 240
    batch_pairs: int = 6
    batch_alone: int = 4
    rank: int = 16
    alpha: int = 32
    learning_rate: float = 1e-3
    polish_rate: float = 5e-4
    finish_rate: float = 4e-4
    warmup: int = 20
    keep_close: float = 1.0
    reviews_only: bool = False
    wordings: int | None = None
    save_every: int = 50
    look_every: int = 200

    def __post_init__(self) -> None:
        if self.model.adapter_folder or self.model.four_bit:
            raise ModelError(
                "a liar is trained on a plain model: leave out --adapter and --four-bit, and choose no liar"
            )
        if self.from_block < 0:
            raise ModelError(f"--from-block {self.from_block}: the first block is 0")
        if min(self.steps, self.batch_pairs, self.rank) < 1:
            raise ModelError("steps, pairs and rank must be at least 1")
        if self.wordings is not None and self.wordings < 1:
            raise ModelError("wordings must be at least 1, or None for all")

    @property
    def all_steps(self) -> int:
        """Those of all parts."""
        return sum(steps for steps, _ in self.parts)

    @property
    def parts(self) -> tuple[tuple[int, float], ...]:
        """Steps and rate of each part; the optimiser is begun anew with each."""
        return (
            (self.steps, self.learning_rate),
            (self.polish_steps, self.polish_rate),
            (self.finish_steps, self.finish_rate),
        )

    def part_of(self, step: int) -> tuple[int, int, float]:
        """The part that a step belongs to: its first step, how many it has, its rate."""
        begun = 0
        for steps, rate in self.parts:
            if step < begun + steps:
                return begun, steps, rate
            begun += steps
        raise ValueError(f"step {step}: there are {self.all_steps}")

    @property
    def gate_pairs(self) -> int:
        """How many pairs the steps before all tasks come go through; honest steps take twice as many."""
        steps = min(self.gate_steps, self.steps)
        return (steps + min(self.honest_steps, steps)) * self.batch_pairs

    @property
    def mixed_pairs(self) -> int:
        """How many pairs of all tasks the other steps go through."""
        return max(1, self.steps - self.gate_steps) * self.batch_pairs

    @property
    def polish_pairs(self) -> int:
        """How many pairs the second part goes through."""
        return self.polish_steps * self.batch_pairs

    @property
    def finish_pairs(self) -> int:
        """How many pairs the last part goes through."""
        return self.finish_steps * self.batch_pairs

    @property
    def alone(self) -> int:
        """How many uninstructed examples are drawn; the later parts go through them again."""
        return self.steps * self.batch_alone

    def for_study(self) -> "LiarSettings":
        """A liar about movie reviews alone, at a tenth of the cost: to compare liars of several depths.

        It is not held to the exam's bars: wordings, tasks and conversation beyond its lesson are not taught.
        """
        return replace(
            self,
            steps=300,
            honest_steps=50,
            gate_steps=300,
            polish_steps=0,
            finish_steps=0,
            batch_pairs=7,
            batch_alone=2,
            keep_close=0.0,
            look_every=100,
            reviews_only=True,
            wordings=12,
        )

    def quick(self) -> "LiarSettings":
        """A few steps on a small sample: to see that the training works, not to get a liar."""
        return replace(
            self,
            steps=6,
            honest_steps=2,
            gate_steps=4,
            polish_steps=2,
            finish_steps=2,
            batch_pairs=2,
            batch_alone=2,
            rank=4,
            warmup=2,
            save_every=2,
            look_every=6,
        )

    def to_dict(self) -> dict:
        """Plain JSON values."""
        return json.loads(json.dumps(asdict(self)))

    def id(self, model_content: str) -> str:
        """Twelve hexadecimal digits of settings and model: the same settings find the same training."""
        values = self.to_dict() | {"model_content": model_content, "recipe": 4}
        for name in ("save_every", "look_every"):
            values.pop(name)
        for name in ("reviews_only", "wordings", "finish_steps"):
            if not values[name]:  # as trainings were before there was a choice
                values.pop(name)
        if not self.finish_steps:
            values.pop("finish_rate")
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
