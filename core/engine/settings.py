"""The settings of a run: everything that decides its answers, as a plain value that can be saved."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from core.calibration import MEAN, METHODS
from core.data.open_questions import OPEN, WITH_ANSWER
from core.data.question import PLAIN
from core.data.sources import DataSettings
from core.engine.decoding import POSITIONS, Decoding
from core.errors import TemplateError
from core.models.catalog import ModelSettings
from core.prompts.demonstrations import DEMO_ANSWERS, DEMO_SETS, DemoAnswers
from core.prompts.modes import wording_of
from core.prompts.templates import OPEN_TEMPLATES, Template
from core.store.states import CONTINUATIONS

MOST_SAMPLES = 1000


@dataclass(frozen=True)
class HarvestSettings:
    """One harvest over a grid of modes × wordings × choice orders × demonstration sets × samples.

    Attributes:
        wordings: numbers of the instructions' wordings.
        orders: 0 offers the positive choice first, 1 the negative one.
        shots: few-shot demonstrations per prompt.
        demo_sets: how many sets of demonstrations; every question is asked with each. 0 takes the usual
            number, `DEMO_SETS` with shots and 1 without.
        demo_answers: how they are answered, of `DEMO_ANSWERS`.
        demo_seed: of their draw, and of the coin where they are answered at random.
        system: use the system role where the chat template has one.
        chat: use the chat template where there is one.
        samples: how often each question is answered, at a temperature above 0.
        samples_modes: the modes in which it is answered so often, and once in the others; empty for all.
        calibration: how leans are calibrated, of `core.calibration.METHODS`; never in what was said.
        calibration_per_mode: fit in each mode by itself, in place of under honest for all.
        positions: where states are read; `answer` and `mean` cost one forward more.
        contrast: also continue each prompt with each of its two choices, whatever the model says, and read
            the last token of both. Costs a short forward for each.
    """

    data: DataSettings
    template: Template
    model: ModelSettings = field(default_factory=ModelSettings)
    modes: tuple[str, ...] = ("honest", "lie")
    wordings: tuple[int, ...] = (0,)
    orders: tuple[int, ...] = (0,)
    shots: int = 0
    demo_sets: int = 0
    demo_answers: DemoAnswers = "truth"
    demo_seed: int = 0
    system: bool = True
    chat: bool = True
    decoding: Decoding = field(default_factory=Decoding)
    samples: int = 1
    samples_modes: tuple[str, ...] = ()
    calibration: str = "content-free"
    calibration_per_mode: bool = False
    positions: tuple[str, ...] = POSITIONS
    contrast: bool = False

    def __post_init__(self) -> None:
        if not self.demo_sets:
            object.__setattr__(self, "demo_sets", DEMO_SETS if self.shots else 1)
        for mode in self.modes:
            for wording in self.wordings:
                wording_of(mode, wording)
        if not self.modes or not self.wordings or not self.orders:
            raise TemplateError("a run needs at least one mode, one wording and one choice order")
        if set(self.orders) - {0, 1}:
            raise TemplateError("choice orders are 0 (positive first) and 1 (negative first)")
        if unknown := set(self.positions) - set(POSITIONS):
            raise TemplateError(
                f"unknown position {sorted(unknown)[0]!r}: choose from {', '.join(POSITIONS)}"
            )
        if "prompt" not in self.positions:
            raise TemplateError("position 'prompt' is always read: leave it in")
        if self.demo_answers not in DEMO_ANSWERS:
            known = ", ".join(DEMO_ANSWERS)
            raise TemplateError(f"demonstrations are answered by {known}, not by {self.demo_answers!r}")
        if self.demo_sets < 1:
            raise TemplateError(f"{self.demo_sets} sets of demonstrations: choose 1 or more")
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise TemplateError(f"{self.samples} samples: choose 1 to {MOST_SAMPLES}")
        if self.samples > 1 and self.decoding.temperature == 0:
            raise TemplateError("more than one sample needs a temperature above 0")
        if unasked := set(self.samples_modes) - set(self.modes):
            raise TemplateError(
                f"several samples are wanted in mode {min(unasked)!r}, which this run does not ask in: "
                f"choose from {', '.join(self.modes)}"
            )
        several = tuple(mode for mode in self.modes if mode in self.samples_modes)
        if self.samples == 1 or several == self.modes:
            several = ()  # one way to write what means the same, so that it finds the same run
        object.__setattr__(self, "samples_modes", several)
        if self.calibration not in (*METHODS, MEAN):
            raise TemplateError(f"unknown calibration {self.calibration!r}: choose {', '.join(METHODS)}")
        if self.open:
            object.__setattr__(self, "calibration", "none")
            if self.contrast:
                raise TemplateError(
                    f"{self.data.name} asks openly: there are no two choices to continue a prompt with; "
                    "leave contrast out"
                )
            if self.orders != (0,) or self.data.form != "direct":
                raise TemplateError(f"{self.data.name} asks openly: there are no claims or choice orders")
            if self.shots and self.data.name not in WITH_ANSWER:
                raise TemplateError(
                    f"{self.data.name} has no right answers to show an example of: use 0 shots"
                )
            if self.shots == 1 and self.demo_answers != "truth":
                raise TemplateError(
                    "an open example is answered falsely with another example's answer: use 2 shots or more, "
                    "or answer examples truly"
                )
        own = OPEN_TEMPLATES.get(self.data.name)
        fits = self.template == own if own else self.template not in OPEN_TEMPLATES.values()
        if not fits:
            raise TemplateError(
                f"{self.data.name} is not asked by template {self.template.name!r}, as it asks for "
                f"{'an answer in its own way' if self.open else 'a choice'}: choose another template"
            )
        if self.calibration == "none":
            object.__setattr__(self, "calibration_per_mode", False)

    @property
    def open(self) -> bool:
        """Whether answers are free text in place of choices."""
        return self.data.name in OPEN

    @property
    def kept(self) -> tuple[str, ...]:
        """What states a run keeps: those of the positions, and of both continuations where wanted."""
        return (*self.positions, *CONTINUATIONS) if self.contrast else self.positions

    @property
    def vectors(self) -> int:
        """States of a layer that a run keeps of an answer: of each position, and of open ones each token."""
        return len(self.kept) + (self.decoding.max_new_tokens if self.open else 0)

    def answers_to(self, questions: int) -> int:
        """How many answers so many questions get."""
        each = sum(self.samples_in(mode) for mode in self.modes)
        sets = self.demo_sets if self.shots else 1
        return questions * each * len(self.wordings) * len(self.orders) * sets

    def samples_in(self, mode: str) -> int:
        """How often each question is answered in a mode."""
        return self.samples if not self.samples_modes or mode in self.samples_modes else 1

    def to_dict(self) -> dict:
        """Plain JSON values."""
        return json.loads(json.dumps(asdict(self)))

    @staticmethod
    def from_dict(values: dict) -> "HarvestSettings":
        """The settings that `to_dict` wrote; what older ones do not say is as it was then."""
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
            if name not in ("data", "template", "model", "decoding")
        }
        return HarvestSettings(
            data=DataSettings.from_dict(values["data"]),
            template=Template.from_dict(values["template"]),
            model=ModelSettings(**values["model"]),
            decoding=Decoding.from_dict(values["decoding"]),
            **({"calibration": MEAN} | plain),
        )

    def run_id(self, questions: str, model: str) -> str:
        """Twelve hexadecimal digits of settings and contents: the same settings find the same run.

        Args:
            questions: fingerprint of the questions asked and of those that demonstrate.
            model: fingerprint of model and adapter.
        """
        values = self.to_dict() | {"questions": questions, "model_content": model, "reading": 1}
        values["template"].pop("name")
        if values["data"]["left_out"] is None:  # runs from before this setting are found under their id
            del values["data"]["left_out"]
        if self.data.style == PLAIN:
            del values["data"]["style"]
        if not self.contrast:
            del values["contrast"]
        if not self.samples_modes:
            del values["samples_modes"]
        if not self.calibration_per_mode:
            del values["calibration_per_mode"]
        if self.calibration == MEAN:
            del values["calibration"]
        told = {mode: [_told(mode, wording) for wording in self.wordings] for mode in self.modes}
        text = json.dumps(values | {"told": told}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _told(mode: str, number: int) -> str | list[str]:
    wording = wording_of(mode, number)
    return wording.text if wording.place == "system" else [wording.text, wording.place]
