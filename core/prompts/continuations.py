"""The choices put after a prompt, whatever the model would say, written as it would write them."""

from typing import Any

from core.prompts.chat import ChatFormat, Prompt
from core.prompts.templates import Template


def continuations(
    tokenizer: Any, template: Template, prompt: Prompt, form: ChatFormat
) -> tuple[tuple[int, ...], ...]:
    """The ids of each of a template's choices after a prompt, the negative choice first.

    Its tokens are those that text and choice have together, where the prompt's own are the first of them;
    else those of the choice alone.
    """
    return tuple(
        _after(tokenizer, prompt, as_written(choice, template, form), form) for choice in template.choices
    )


def as_written(choice: str, template: Template, form: ChatFormat) -> str:
    """A choice as a model writes it: it begins the model's turn, or follows a space where that is begun.

    A turn is begun for the model in plain text, and by an answer prefix.
    """
    return choice if form.chat and not template.answer_prefix else f" {choice}"


def _after(tokenizer: Any, prompt: Prompt, written: str, form: ChatFormat) -> tuple[int, ...]:
    whole = tuple(tokenizer(prompt.text + written, add_special_tokens=not form.chat).input_ids)
    read = len(prompt.ids)
    if whole[:read] == prompt.ids and len(whole) > read:
        return whole[read:]
    return tuple(tokenizer(written, add_special_tokens=False).input_ids)
