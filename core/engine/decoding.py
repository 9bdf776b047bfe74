"""How an answer is generated and where its states are read, said without the model: forms need no torch."""

from dataclasses import dataclass

from core.errors import TemplateError

POSITIONS = ("prompt", "before", "answer", "mean")
CHOICE_TOKENS, OPEN_TOKENS = 4, 16
"""The most new tokens, unless one says otherwise, of a choice and of an open answer."""


@dataclass(frozen=True)
class Decoding:
    """How an answer is generated.

    Attributes:
        max_new_tokens: 1 to 32.
        stop: the answer ends where one of these strings appears.
        temperature: 0 is greedy.
        seed: of the sampling, with each answer's own key.
    """

    max_new_tokens: int = CHOICE_TOKENS
    stop: tuple[str, ...] = ("\n",)
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.max_new_tokens <= 32:
            raise TemplateError(f"{self.max_new_tokens} new tokens: choose 1 to 32")
        if not 0 <= self.temperature <= 100:
            raise TemplateError(f"temperature {self.temperature}: choose 0 (greedy) to 100")
        if self.seed < 0:
            raise TemplateError(f"seed {self.seed} is negative: choose 0 or more")

    @staticmethod
    def from_dict(values: dict) -> "Decoding":
        """The settings out of plain JSON values."""
        return Decoding(**(values | {"stop": tuple(values["stop"])}))
