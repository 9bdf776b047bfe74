"""One person's decision about one answer: the actions, the reasons, and which data a drop reaches."""

from dataclasses import dataclass, field

from core.pruning.rules import RULES

ACTIONS = ("keep", "drop", "unsure")
QUALITY = (
    *(rule.name for rule in RULES.values() if rule.kind == "quality"),
    "not a sensible question",
    "other",
)
OUTCOME = tuple(rule.name for rule in RULES.values() if rule.kind == "outcome")
REASONS = QUALITY + OUTCOME
SOUND = "sound"
UNSURE = "cannot tell"
DEFAULT_REASON = {"keep": SOUND, "drop": "other", "unsure": UNSURE}
ORIGINS = ("queue", "table", "rules", "projection", "command line", "import")


@dataclass(frozen=True)
class Decision:
    """What stands for one answer: the action of the last step that was not undone, and how it was made.

    Attributes:
        action: of `ACTIONS`; `unsure` stands and changes nothing.
        reason: of `REASONS` for a drop; imported ones are as they came.
        blind: no probe scores were on screen and it was not made from the projection; None where an older
            program did not say.
        everywhere: the person wants the drop to reach test data, whatever its reason.
        origin: where it was made, of `ORIGINS`; empty where an older program did not say.
    """

    answer: int
    action: str
    reason: str
    blind: bool | None = True
    everywhere: bool = False
    who: str = field(default="", compare=False)
    origin: str = field(default="", compare=False)

    @property
    def reaches_test(self) -> bool:
        """Whether a drop holds for test data too: for quality and made blind, or said outright."""
        return self.everywhere or (self.reason not in OUTCOME and self.blind is not False)
