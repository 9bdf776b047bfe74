"""The prompt of a stored answer, made again from the run's record and a tokenizer, without the model."""

from collections.abc import Mapping
from typing import Any

from core.data.question import Question
from core.errors import StoreError
from core.prompts.chat import ChatFormat, Prompt, chat_format, defuse, placed, render
from core.prompts.modes import wording_of
from core.prompts.templates import Template
from core.store.runs import Run

Row = Mapping[str, Any]


def prompt_of(run: Run, row: Row, tokenizer: Any) -> Prompt:
    """The prompt exactly as the model read it.

    Args:
        row: one answer of `RunStore.answers`: a dict or a row of the frame.
        tokenizer: of the run's model.

    Raises:
        StoreError: the run does not say what its demonstrations were, or the prompt comes out at another
            length than was harvested, as with another model's tokenizer; or the run was imported.
    """
    if run.facts.get("imported"):
        raise StoreError(
            f"run {run.run} was imported: its prompts are as they were elsewhere, and are not made anew here"
        )
    settings = run.settings
    prompt = render(
        tokenizer,
        Template.from_dict(settings["template"]),
        question_of(row),
        mode=str(row["mode"]),
        wording=int(row["wording"]),
        order=int(row["order"]),
        demonstrations=_demonstrations(run, row),
        demo_answers=settings["demo_answers"],
        demo_seed=int(settings.get("demo_seed", 0)),
        form=_form(run, tokenizer),
    )
    if len(prompt.ids) != int(row["prompt_tokens"]):
        raise StoreError(
            f"the prompt of answer {row['answer']} cannot be shown: it had {row['prompt_tokens']} tokens and "
            f"comes out at {len(prompt.ids)}: load the run's own model, {run.facts['model']}"
        )
    return prompt


def prompt_parts(run: Run, row: Row, tokenizer: Any, prompt: Prompt) -> list[str]:
    """What each of the prompt's tokens belongs to: instruction, demonstrations, question or format.

    Where the tokenizer cannot say which characters a token covers, or the chat template rewrites the texts,
    tokens count as `prompt`.
    """
    template = Template.from_dict(run.settings["template"])
    order = int(row["order"])
    wording = wording_of(str(row["mode"]), int(row["wording"]))
    told = wording.text.strip()
    shown = [defuse(tokenizer, template.fill(demo, order)).strip() for demo in _demonstrations(run, row)]
    asked = placed(wording, defuse(tokenizer, template.fill(question_of(row), order))).strip()
    asked_at = prompt.text.rfind(asked)
    inside = wording.place in ("middle", "end")
    told_at = prompt.text.rfind(told) if inside else prompt.text.find(told)
    demo_at = prompt.text.find(shown[0], 0 if inside else told_at + len(told)) if shown else asked_at
    if not getattr(tokenizer, "is_fast", False) or told_at < 0 or not 0 <= demo_at <= asked_at:
        return ["prompt"] * len(prompt.ids)
    spans = [
        ("instruction", told_at, told_at + len(told)),
        ("demonstrations", demo_at, asked_at),
        ("question", asked_at, asked_at + len(asked)),
    ]
    chat = _form(run, tokenizer).chat
    encoded = tokenizer(prompt.text, add_special_tokens=not chat, return_offsets_mapping=True)
    return [
        next((part for part, start, end in spans if first < end and last > start), "format")
        for first, last in encoded["offset_mapping"]
    ]


def question_of(row: Row) -> Question:
    """The question of a stored answer."""
    return Question(
        id=str(row["question"]),
        text=str(row["text"]),
        label=int(row["label"]),
        choices=(str(row["choice_0"]), str(row["choice_1"])),
        source=str(row["source"]),
        group=str(row["group"]),
        claim=row["claim"] if isinstance(row["claim"], str) else None,
    )


def _demonstrations(run: Run, row: Row) -> list[Question]:
    if not run.settings["shots"]:
        return []
    if "demonstrations" not in run.facts:
        raise StoreError(f"run {run.run} does not say what its demonstrations were: harvest it again")
    values = run.facts["demonstrations"][int(row["demo_set"])]
    return [
        Question(**(demo | {"choices": tuple(demo["choices"]), "accepted": tuple(demo.get("accepted", ()))}))
        for demo in values
    ]


def _form(run: Run, tokenizer: Any) -> ChatFormat:
    if "form" in run.facts:
        return ChatFormat(**run.facts["form"])
    return chat_format(tokenizer, run.settings["system"], run.settings["chat"])
