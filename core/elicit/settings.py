"""What an elicitation tries: wordings × templates × shots × roles × choice orders, on how many questions."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from core.data.open_questions import OPEN
from core.data.sources import DataSettings
from core.engine.decoding import Decoding
from core.errors import TemplateError
from core.models.catalog import ModelSettings
from core.prompts.demonstrations import DEMO_ANSWERS, DEMO_SETS, DemoAnswers
from core.prompts.templates import Template

MODES = ("honest", "lie")
QUESTIONS = 64
FIRST_RUNG = 8
WORDINGS = (0, 1, 2, 3)
SHOTS = (0, 2)
ORDERS = (0, 1)
"""Both choice orders are tried, because a model may answer by what it reads first or last. That is twice
the cells; rungs that begin on 8 questions, and not on 16, keep the usual grid at 2,560 answers. They lose
nothing: in simulated grids the winner's true score lay 0.01 to 0.03 below the best cell's on average, whether
rungs began on 8, on 16, or asked every cell all 64."""
FORMS = ("auto", "direct", "claim")


@dataclass(frozen=True)
class ElicitSettings:
    """One search for the settings under which a model tells truths and lies as it is asked.

    Attributes:
        data: the source, its seed and columns; `n` and `form` are taken from the fields below.
        system: whether the instruction stands in the system role (True) or in the user's turn (False).
        orders: 0 offers the positive choice first, 1 the negative one.
        n: questions that the last rung is judged on, half of each label.
        start: the fewest questions that a rung is judged on.
        form: `auto` asks each template in its usual form; `direct` and `claim` leave out those that cannot.
        demo_sets: sets of demonstrations that the questions of a cell with shots take turns with.
    """

    data: DataSettings
    templates: tuple[Template, ...]
    wordings: tuple[int, ...]
    model: ModelSettings = field(default_factory=ModelSettings)
    shots: tuple[int, ...] = (0,)
    system: tuple[bool, ...] = (True, False)
    orders: tuple[int, ...] = (0,)
    n: int = QUESTIONS
    start: int = FIRST_RUNG
    form: str = "auto"
    demo_sets: int = DEMO_SETS
    demo_answers: DemoAnswers = "truth"
    demo_seed: int = 0
    chat: bool = True
    decoding: Decoding = field(default_factory=Decoding)

    def __post_init__(self) -> None:
        if not (self.templates and self.wordings and self.shots and self.system and self.orders):
            raise TemplateError(
                "a grid needs at least one template, wording, number of shots, role and choice order"
            )
        if self.data.name in OPEN:
            raise TemplateError(
                f"{self.data.name} is answered in the model's own words, and a grid asks questions with two "
                "choices: choose other questions"
            )
        for what, values in (("template", [t.name for t in self.templates]), ("wording", self.wordings)):
            if len(set(values)) < len(values):
                raise TemplateError(f"a {what} stands twice in the grid: name each once")
        if set(self.orders) - {0, 1}:
            raise TemplateError("choice orders are 0 (positive first) and 1 (negative first)")
        if min(self.shots) < 0:
            raise TemplateError(f"{min(self.shots)} shots: choose 0 or more")
        if self.start < 2:
            raise TemplateError(f"a first rung of {self.start} questions: choose 2 or more")
        if self.n < self.start:
            raise TemplateError(
                f"the last rung has {self.n} questions and the first at least {self.start}: "
                "ask more, or start with fewer"
            )
        if self.form not in FORMS:
            raise TemplateError(f"unknown form {self.form!r}: choose {', '.join(FORMS)}")
        if self.demo_answers not in DEMO_ANSWERS:
            raise TemplateError(
                f"demonstrations are answered by {', '.join(DEMO_ANSWERS)}, not by {self.demo_answers!r}"
            )
        if self.demo_sets < 1:
            raise TemplateError(f"{self.demo_sets} sets of demonstrations: choose 1 or more")

    def to_dict(self) -> dict:
        """Plain JSON values."""
        return json.loads(json.dumps(asdict(self)))

    @staticmethod
    def from_dict(values: dict) -> "ElicitSettings":
        """The settings that `to_dict` wrote."""
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
            if name not in ("data", "templates", "model", "decoding")
        }
        return ElicitSettings(
            data=DataSettings.from_dict(values["data"]),
            templates=tuple(Template.from_dict(template) for template in values["templates"]),
            model=ModelSettings(**values["model"]),
            decoding=Decoding.from_dict(values["decoding"]),
            **plain,
        )
