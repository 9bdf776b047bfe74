"""Asks one typed thing as a run would ask it: its wording, order, demonstrations, chat format, decoding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.answers import boundary_ids, choice_masses, leaning, make_reader
from core.data.question import Question
from core.engine.generate import Generated, generate_batch
from core.engine.plan import Arm, Plan
from core.engine.settings import HarvestSettings
from core.models.loading import LoadedModel
from core.prompts.chat import Prompt, check_length

MODES = ("honest", "lie")
Watch = Callable[[int, int], None]
"""Called with (place of the prompt, token id) as tokens arrive."""


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


def first_arm(settings: HarvestSettings, mode: str) -> Arm:
    """The arm of a mode that what is typed is put in."""
    return Arm(mode, settings.wordings[0], settings.orders[0], 0)


def ask(
    loaded: LoadedModel,
    plan: Plan,
    text: str,
    watch: Watch | None = None,
    modes: tuple[str, ...] = MODES,
    positions: tuple[str, ...] = (),
) -> list[Asked]:
    """Put a text to the model in each mode.

    Args:
        positions: where states are to be kept.

    Raises:
        TemplateError: the prompt is longer than the context, or the choices cannot be told apart.
    """
    settings = plan.settings
    question = typed_question(plan, text)
    prompts = {arm: plan.prompt(question, arm) for arm in (first_arm(settings, mode) for mode in modes)}
    message = settings.template.fill(question, settings.orders[0])
    return ask_prompts(loaded, settings, question, message, prompts, watch=watch, positions=positions)


def ask_prompts(
    loaded: LoadedModel,
    settings: HarvestSettings,
    question: Question,
    message: str,
    prompts: Mapping[Arm, Prompt],
    *,
    watch: Watch | None = None,
    positions: tuple[str, ...] = (),
) -> list[Asked]:
    """Have prompts answered by a run's decoding, and read which of its choices each answer is.

    Args:
        message: what the prompts say of the question.
        positions: where states are to be kept.

    Raises:
        TemplateError: the prompt is longer than the context, or the choices cannot be told apart.
    """
    for prompt in prompts.values():
        check_length(prompt, settings.decoding.max_new_tokens, loaded.context, "what was typed")
    reader = make_reader(loaded.tokenizer, settings.template.choices)
    answers = generate_batch(
        loaded,
        [prompt.ids for prompt in prompts.values()],
        reader,
        settings.decoding,
        positions=positions,
        boundary=None if reader.single else boundary_ids(loaded.tokenizer),
        keys=[f"{question.id} {arm} 0" for arm in prompts],
        watch=watch,
    )
    asked = []
    for (arm, prompt), answer in zip(prompts.items(), answers, strict=True):
        masses = choice_masses(reader, list(answer.spelling_probabilities))
        said = None if answer.said.choice is None else reader.choices[answer.said.choice]
        leans = reader.choices[leaning(*masses)]
        asked.append(Asked(arm, question, message, prompt, answer, said, masses, leans))
    return asked
