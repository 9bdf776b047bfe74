"""What a model is asked before it speaks: what was typed on Generate, or one of the statements of a run."""

from dataclasses import dataclass, replace
from typing import Protocol

from core.data.question import Question
from core.data.statements import Statement
from core.engine.ask import MODES, Asked, ask, ask_prompts, first_arm
from core.engine.plan import Plan
from core.engine.settings import HarvestSettings
from core.models.loading import LoadedModel
from core.scoring.asking import Asking, bare_prompt, run_prompt, statement_question


class SpeechPlan(Protocol):
    """How and what a model is asked.

    Attributes:
        as_run: whether it is asked as a run asks its questions; where it is not, the end of the prompt is no
            position that a probe was trained at.
    """

    @property
    def settings(self) -> HarvestSettings:
        """Of the run that is asked like."""

    @property
    def as_run(self) -> bool: ...

    def ask(self, loaded: LoadedModel, position: str) -> list[Asked]:
        """Each of `MODES` as a run's decoding reads it, but greedily, with the states at a position.

        Raises:
            TemplateError: see `core.engine.ask`.
        """


@dataclass(frozen=True, eq=False)
class TypedPlan:
    """A text that was typed, as one of the questions of a run that need not exist."""

    plan: Plan
    text: str
    as_run: bool = True

    @property
    def settings(self) -> HarvestSettings:
        """Of the run that would ask it."""
        return self.plan.settings

    def ask(self, loaded: LoadedModel, position: str) -> list[Asked]:
        """See `SpeechPlan`."""
        plan = replace(self.plan, settings=greedy(self.settings))
        return ask(loaded, plan, self.text, positions=(position,))


@dataclass(frozen=True, eq=False)
class StatementPlan:
    """A typed statement, as a run asks about it; of a pair its question alone.

    So the answer of a pair, forced into the model's own turn, stands beside what the model says itself after
    the very same words. A pair that states one of the run's claims is asked about like a statement.
    """

    asking: Asking
    statement: Statement

    @property
    def settings(self) -> HarvestSettings:
        """Of the run."""
        return self.asking.settings

    @property
    def as_run(self) -> bool:
        """Not so the question of a pair, which is put as it is."""
        return self.statement.question is None or self._question().claim is not None

    def ask(self, loaded: LoadedModel, position: str) -> list[Asked]:
        """See `SpeechPlan`.

        Raises:
            DataError: the run's template cannot ask about the statement.
        """
        question = self._question()
        message = self.settings.template.fill(question, self.settings.orders[0])
        if not self.as_run:
            message = str(self.statement.question)
        prompts = {}
        for mode in MODES:
            arm = first_arm(self.settings, mode)
            if self.as_run:
                prompts[arm] = run_prompt(loaded.tokenizer, self.asking, question, mode)
            else:
                prompts[arm] = bare_prompt(loaded.tokenizer, self.asking, message, mode)
        return ask_prompts(loaded, greedy(self.settings), question, message, prompts, positions=(position,))

    def _question(self) -> Question:
        return statement_question(self.asking, self.statement)


def greedy(settings: HarvestSettings) -> HarvestSettings:
    """The same settings, but the likeliest token is taken each time."""
    return replace(settings, decoding=replace(settings.decoding, temperature=0.0))
