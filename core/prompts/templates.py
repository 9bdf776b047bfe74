"""Templates: how a question becomes the user's message, as editable text with named slots.

Slots are filled by plain replacement, so that a question's text is never read as a slot or a format.
Chat format and the mode's instruction are not the template's business: see `chat.py` and `modes.py`.
"""

import re
from dataclasses import asdict, dataclass

from core.data.chat import CHAT
from core.data.open_questions import WITH_ANSWER
from core.data.question import Question
from core.errors import TemplateError
from core.shown import named, quoted

SLOTS = {
    "text": "the question's text",
    "statement": "the text, with its claim on a second line where it has one",
    "claim": "the label that the claim states",
    "positive": "the question's own name for its second label, such as Positive or True",
    "first": "the choice offered first",
    "second": "the choice offered second",
}
SLOT = re.compile(r"\{([^{}]*)\}")
LONGEST = {"name": 100, "body": 20_000, "choice": 200, "answer prefix": 2_000}
"""Characters of each part of a template."""


@dataclass(frozen=True)
class Template:
    """A wording and its two choices.

    Attributes:
        name: what people call it.
        body: the user's message, with slots from `SLOTS`.
        choices: the two answers as the model is to write them, negative first.
        answer_prefix: text put into the model's mouth before its answer; often empty.

    Raises:
        TemplateError: an unknown slot, no slot for the question, choices that are empty or the same, or a
            part that is no text or too long.
    """

    name: str
    body: str
    choices: tuple[str, str]
    answer_prefix: str = ""

    def __post_init__(self) -> None:
        self._check_text("name", self.name)
        if not self.name.strip():
            raise TemplateError("a template needs a name")
        self._check_text("body", self.body)
        for choice in self.choices:
            self._check_text("choice", choice)
        self._check_text("answer prefix", self.answer_prefix)
        for slot in SLOT.findall(self.body):
            if slot not in SLOTS:
                known = ", ".join("{" + name + "}" for name in SLOTS)
                raise TemplateError(
                    f"template {quoted(self.name)} has an unknown slot {{{named(slot)}}}: use {known}"
                )
        if not {"text", "statement"} & set(self.slots):
            raise TemplateError(f"template {quoted(self.name)} has no {{text}} or {{statement}} slot")
        if len(self.choices) != 2 or not all(choice.strip() for choice in self.choices):
            raise TemplateError(f"template {quoted(self.name)} needs two choices that are not empty")
        if self.choices[0].strip().casefold() == self.choices[1].strip().casefold():
            raise TemplateError(f"template {quoted(self.name)} offers {quoted(self.choices[0])} twice")

    def _check_text(self, part: str, text: object) -> None:
        """Refuse a part that is no text, is too long, or cannot be written to a file or database."""
        called = f"the {part} of template {quoted(self.name)}"
        if not isinstance(text, str):
            raise TemplateError(f"{called} is {quoted(text)}: it has to be text")
        if len(text) > LONGEST[part]:
            raise TemplateError(f"{called} has {len(text):,} characters: the longest is {LONGEST[part]:,}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise TemplateError(f"{called} holds half a character ({quoted(text)}): leave it out") from error

    @property
    def slots(self) -> tuple[str, ...]:
        """The slots that the body uses, in order."""
        return tuple(SLOT.findall(self.body))

    def fill(self, question: Question, order: int = 0) -> str:
        """The user's message for a question.

        Args:
            order: 0 offers the positive choice first (`Positive or Negative`), 1 the negative one.

        Raises:
            TemplateError: the question lacks what a slot needs.
        """
        self.check_fits(question)
        first, second = (self.choices[1], self.choices[0]) if order == 0 else self.choices
        values = {
            "text": question.text,
            "statement": statement_of(question),
            "claim": question.claim or "",
            "positive": question.choices[1],
            "first": first,
            "second": second,
        }
        return SLOT.sub(lambda found: values[found[1]], self.body)

    def check_fits(self, question: Question) -> None:
        """Refuse a question that this template cannot ask about."""
        if "claim" in self.slots and question.claim is None:
            raise TemplateError(
                f"template {quoted(self.name)} needs a claim, and {question.source} is in direct form: "
                "use --form claim"
            )
        if self.asks_for_truth and question.choices != ("False", "True"):
            raise TemplateError(
                f"template {quoted(self.name)} asks whether a statement is true, and {question.source} is "
                f"labelled {question.choices[0]}/{question.choices[1]}: use --form claim or another template"
            )

    @property
    def asks_for_truth(self) -> bool:
        """Whether its choices are True and False, so that only statements fit it."""
        return tuple(choice.casefold() for choice in self.choices) == ("false", "true")

    def to_dict(self) -> dict:
        """The template as plain JSON values."""
        return asdict(self) | {"choices": list(self.choices)}

    @staticmethod
    def from_dict(values: dict) -> "Template":
        """The template that `to_dict` wrote, or that a person wrote to a file.

        Raises:
            TemplateError: it lacks a name, a body or two choices, or see `Template`.
        """
        if not {"name", "body", "choices"} <= set(values) or not isinstance(values["choices"], list | tuple):
            raise TemplateError("a saved template needs a name, a body and a list of two choices")
        return Template(
            values["name"], values["body"], tuple(values["choices"]), values.get("answer_prefix", "")
        )


def statement_of(question: Question) -> str:
    """The question's text, with its claim where it has one ("Claim: this review is Positive.")."""
    if question.claim is None:
        return question.text
    kind = "review" if question.source.endswith("reviews") else "text"
    return f"{question.text}\nClaim: this {kind} is {question.claim}."


BUILT_IN = {
    template.name: template
    for template in (
        Template("review", "Review: {text}\nIs the review {first} or {second}?", ("Negative", "Positive")),
        Template(
            "review-statement",
            "Review: {text}\nState the sentiment of this review as {first} or {second}.",
            ("Negative", "Positive"),
        ),
        Template("yes-no", "{statement}\nIs this {positive}? Answer {first} or {second}.", ("No", "Yes")),
        Template(
            "yes-no-statement",
            "{statement}\nState whether this is {positive}: {first} or {second}.",
            ("No", "Yes"),
        ),
        Template("true-false", "{statement}\n{first} or {second}?", ("False", "True")),
        Template("letters", "{statement}\nIs this {positive}? A: yes. B: no. Answer A or B.", ("B", "A")),
        Template(
            "letters-swapped", "{statement}\nIs this {positive}? A: no. B: yes. Answer A or B.", ("A", "B")
        ),
        Template(
            "true-false-statement",
            "{statement}\nState whether this is {first} or {second}.",
            ("False", "True"),
        ),
    )
}

OPEN_TEMPLATE = Template("open", "{text}\nAnswer in a few words.", ("wrong", "right"))
"""Of open questions. Its choices are what an answer turns out to be; the model is not offered them."""

CHAT_TEMPLATE = Template("chat", "{text}", ("wrong", "right"))
"""Of ordinary conversation, put as it is. Its choices stand for nothing."""

OPEN_TEMPLATES = dict.fromkeys(WITH_ANSWER, OPEN_TEMPLATE) | {CHAT: CHAT_TEMPLATE}
"""The one template of each source that is asked openly."""
