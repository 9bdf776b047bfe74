"""From a question to token ids: instruction, demonstrations, chat format.

What people typed or uploaded is data: a special token's text inside it is broken up by a zero-width
space, so that a review cannot end its own turn.
"""

from dataclasses import dataclass
from typing import Any

from core.data.question import Question
from core.errors import TemplateError
from core.prompts.demonstrations import DemoAnswers, shown_reply
from core.prompts.modes import Wording, wording_of
from core.prompts.templates import Template
from core.shown import named

PLAIN_ANSWER = "Answer:"


@dataclass(frozen=True)
class ChatFormat:
    """What the model's tokenizer can express.

    Attributes:
        chat: whether there is a chat template to use.
        system: whether that template shows a system message.
    """

    chat: bool
    system: bool


@dataclass(frozen=True)
class Prompt:
    """A prompt as text and as the ids that the model reads."""

    text: str
    ids: tuple[int, ...]


def chat_format(tokenizer: Any, system: bool = True, chat: bool = True) -> ChatFormat:
    """What to use of what the tokenizer has; `system` and `chat` may ask for less."""
    if not chat or not getattr(tokenizer, "chat_template", None):
        return ChatFormat(False, False)
    if not system:
        return ChatFormat(True, False)
    probe = [{"role": "system", "content": "S¤S"}, {"role": "user", "content": "U"}]
    try:
        shown = tokenizer.apply_chat_template(probe, tokenize=False, add_generation_prompt=True)
    except Exception:  # a template raises whatever its author chose, where it allows no system role
        return ChatFormat(True, False)
    return ChatFormat(True, "S¤S" in shown)


def defuse(tokenizer: Any, text: str) -> str:
    """The text with every special token's spelling broken up."""
    for special in sorted(tokenizer.all_special_tokens, key=len, reverse=True):
        if special and special in text:
            text = text.replace(special, special[0] + "\u200b" + special[1:])
    return text


def render(
    tokenizer: Any,
    template: Template,
    question: Question,
    *,
    mode: str,
    wording: int = 0,
    order: int = 0,
    demonstrations: list[Question] | tuple[Question, ...] = (),
    demo_answers: DemoAnswers = "truth",
    demo_seed: int = 0,
    form: ChatFormat,
) -> Prompt:
    """The whole prompt for one question under one mode.

    Args:
        demo_answers: how the demonstrations are answered, of `DEMO_ANSWERS`.
        demo_seed: of the coin, where they are answered at random.

    Raises:
        TemplateError: unknown mode or wording, or a question that does not fit the template.
    """
    told = wording_of(mode, wording)
    turns: list[tuple[str, str]] = []
    for place, demo in enumerate(demonstrations):
        answer = shown_reply(demonstrations, place, template.choices, mode, demo_answers, demo_seed)
        turns.append((defuse(tokenizer, template.fill(demo, order)), answer))
    asked = defuse(tokenizer, template.fill(question, order))
    return render_turns(tokenizer, told, turns, asked, template.answer_prefix, form)


def render_turns(
    tokenizer: Any,
    told: Wording,
    turns: list[tuple[str, str]],
    asked: str,
    answer_prefix: str,
    form: ChatFormat,
) -> Prompt:
    """A prompt of an instruction, earlier turns (message, reply) and the message to be answered."""
    asked = placed(told, asked)
    first = told.text if told.place in ("system", "start") else ""
    if not form.chat:
        parts = [first] if first else []
        for message, reply in turns:
            parts.append(f"{message}\n{answer_prefix or PLAIN_ANSWER} {reply}")
        parts.append(f"{asked}\n{answer_prefix or PLAIN_ANSWER}")
        text = "\n\n".join(parts)
        return Prompt(text, tuple(tokenizer(text).input_ids))
    messages: list[dict[str, str]] = []
    role = form.system and told.place == "system"
    if first and role:
        messages.append({"role": "system", "content": first})
    lead = f"{first}\n\n" if first and not role else ""
    for message, reply in turns:
        messages.append({"role": "user", "content": lead + message})
        messages.append(
            {"role": "assistant", "content": f"{answer_prefix} {reply}" if answer_prefix else reply}
        )
        lead = ""
    messages.append({"role": "user", "content": lead + asked})
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except Exception as error:  # a template raises whatever its author chose
        raise TemplateError(f"the model's chat template cannot be filled: {named(error)}") from error
    text += answer_prefix
    return Prompt(text, tuple(tokenizer(text, add_special_tokens=False).input_ids))


def placed(told: Wording, asked: str) -> str:
    """The message to be answered, with the instruction in it where its place is the middle or the end."""
    if not told.text or told.place in ("system", "start"):
        return asked
    if told.place == "end":
        return f"{asked}\n{told.text}"
    before, cut, last = asked.rpartition("\n")
    return f"{before}{cut}{told.text}\n{last}"


def check_length(prompt: Prompt, new_tokens: int, context: int, what: str) -> None:
    """Refuse a prompt that does not fit the model's context.

    Raises:
        TemplateError: prompt and answer together are longer than `context` tokens.
    """
    if len(prompt.ids) + new_tokens > context:
        raise TemplateError(
            f"the prompt for {what} has {len(prompt.ids)} tokens, and with {new_tokens} new ones exceeds the "
            f"model's context of {context}: use fewer shots or shorter texts"
        )


def token_table(tokenizer: Any, ids: tuple[int, ...] | list[int]) -> list[dict]:
    """One row a token for a preview: `position`, `id`, `token` as the tokenizer writes it, `special`."""
    specials = set(tokenizer.all_special_ids)
    written = tokenizer.convert_ids_to_tokens(list(ids))
    return [
        {"position": position, "id": int(number), "token": token, "special": int(number) in specials}
        for position, (number, token) in enumerate(zip(ids, written, strict=True))
    ]
