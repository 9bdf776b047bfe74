"""Asks one typed thing as a run would ask it: its wording, order, demonstrations, chat format, decoding."""

from collections.abc import Callable
from dataclasses import dataclass

from core.answers import boundary_ids, choice_masses, leaning, make_reader
from core.data.question import Question
from core.engine.generate import Generated, generate_batch
from core.engine.plan import Arm, Plan
from core.models.loading import LoadedModel
from core.prompts.chat import Prompt, check_length

MODES = ("honest", "lie")


@dataclass(frozen=True, eq=False)
class Asked:
    """What was asked in one mode, and what came back.

    Attributes:
        arm: the mode, with the first wording, order and demonstration set of the run.
        message: the template filled with what was typed; the prompt holds demonstrations besides.
        said: the choice that the emitted tokens amount to, None where there is none.
        masses: probability of the negative and of the positive choice at the first token.
        leans: the likelier choice, uncalibrated.
    """

    arm: Arm
    question: Question
    message: str
    prompt: Prompt
    generated: Generated
    said: str | None
    masses: tuple[float, float]
    leans: str

    @property
    def outside(self) -> float:
        """The probability on neither choice."""
        return max(0.0, 1 - sum(self.masses))


def typed_question(plan: Plan, text: str) -> Question:
    """What was typed as one of the run's questions; in claim form with the first claim by the alphabet."""
    model = plan.questions[0]
    claim = min((question.claim for question in plan.questions if question.claim is not None), default=None)
    return Question("typed", text, 0, model.choices, model.source, "typed", claim)


def ask(
    loaded: LoadedModel,
    plan: Plan,
    text: str,
    watch: Callable[[int, int], None] | None = None,
    modes: tuple[str, ...] = MODES,
) -> list[Asked]:
    """Put a text to the model in each mode.

    Args:
        watch: called with (place of the mode, token id) as tokens arrive.

    Raises:
        TemplateError: the prompt is longer than the context, or the choices cannot be told apart.
    """
    settings, tokenizer = plan.settings, loaded.tokenizer
    question = typed_question(plan, text)
    arms = [Arm(mode, settings.wordings[0], settings.orders[0], 0) for mode in modes]
    prompts = [plan.prompt(question, arm) for arm in arms]
    for prompt in prompts:
        check_length(prompt, settings.decoding.max_new_tokens, loaded.context, "what was typed")
    reader = make_reader(tokenizer, settings.template.choices)
    answers = generate_batch(
        loaded,
        [prompt.ids for prompt in prompts],
        reader,
        settings.decoding,
        boundary=None if reader.single else boundary_ids(tokenizer),
        keys=[f"{question.id} {arm} 0" for arm in arms],
        watch=watch,
    )
    asked = []
    for arm, prompt, answer in zip(arms, prompts, answers, strict=True):
        masses = choice_masses(reader, list(answer.spelling_probabilities))
        said = None if answer.said.choice is None else reader.choices[answer.said.choice]
        message = settings.template.fill(question, arm.order)
        leans = reader.choices[leaning(*masses)]
        asked.append(Asked(arm, question, message, prompt, answer, said, masses, leans))
    return asked
