"""Styles: a question asked in another way whose truth is the same, or turned around and labelled so.

A probe that follows the truth should not mind how a question is dressed. A style changes the text of a
question (`negated` its statement and label) and nothing else: the id and the group stay, so that a restyled
question is never on the other side of a split from its original. What is drawn is drawn by the question's id.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from core.data.facts import FACTS
from core.data.question import PLAIN, Question
from core.errors import DataError

TYPO_SHARE = 0.3
"""The share of a text's words that get a typo, of those that may get one."""
TYPO_WORD = re.compile(r"(?<!\w)[^\W\d_]{4,}(?!\w)")
FACT_FORMS = (
    (re.compile(r"The city of (.+) is not in (.+)\."), "The city of {} is in {}."),
    (re.compile(r"The city of (.+) is in (.+)\."), "The city of {} is not in {}."),
    (re.compile(r"The chemical symbol of (.+) is (.+)\."), "The chemical symbol of {} is not {}."),
    (re.compile(r"(.+) has the atomic number (.+)\."), "{} does not have the atomic number {}."),
    (re.compile(r"(.+) is larger than (.+)\."), "{} is not larger than {}."),
    (re.compile(r"(.+) is smaller than (.+)\."), "{} is not smaller than {}."),
)
"""How the built-in facts are worded, with their entities as groups, and the negation of each wording."""
SYMBOL = re.compile(r"(The chemical symbol of .+ is )(.+)(\.)")
BEFORE = (
    "Hello again, one moment, I am just sitting down at my desk.",
    "Where were we? Right, the next one on my list.",
    "Hold on, I am looking for my notes. Here they are.",
    "Let me see, what did I want to ask? Yes, this.",
    "I have a few of these for you today, so here is one more.",
)
AFTER = (
    "By the way, I will be back after lunch.",
    "Anyway, I have to catch a train later.",
    "One moment, somebody is at the door.",
    "That was the one on page three of my notes.",
    "Now, where did I put my pencil?",
)
CONTRACTIONS = (
    (re.compile(r"\b([Cc])an['’]t\b"), r"\1annot"),
    (re.compile(r"\b([Ww])on['’]t\b"), r"\1ill not"),
    (re.compile(r"\b([Ss]ha)n['’]t\b"), r"\1ll not"),
    (re.compile(r"(?<=\w)(?<!\b[Aa]i)n['’]t\b"), " not"),
    (re.compile(r"\bI['’]m\b"), "I am"),
    (re.compile(r"(?<=\w)['’]re\b"), " are"),
    (re.compile(r"(?<=\w)['’]ve\b"), " have"),
    (re.compile(r"(?<=\w)['’]ll\b"), " will"),
)
"""Short forms that stand for one thing only, and what that is; 's and 'd may stand for two."""


@dataclass(frozen=True)
class Style:
    """One way to ask.

    Attributes:
        sentence: what it does, for people.
        change: the question in this style, not marked yet.
    """

    name: str
    sentence: str
    change: Callable[[Question], Question]

    def restyle(self, question: Question) -> Question:
        """The question in this style, marked so.

        Raises:
            DataError: it has a style already, or cannot have this one.
        """
        if question.style != PLAIN:
            raise DataError(
                f"question {question.id} is in style {question.style} already: restyle a plain one"
            )
        return replace(self.change(question), style=self.name)


def style_named(name: str) -> Style:
    """A style by its name.

    Raises:
        DataError: there is none of that name.
    """
    if name not in STYLES:
        raise DataError(f"unknown style {name!r}: choose {', '.join(STYLES)}")
    return STYLES[name]


def restyled(questions: list[Question], name: str) -> list[Question]:
    """All questions in one style, in their order.

    Raises:
        DataError: see `style_named` and `Style.restyle`.
    """
    style = style_named(name)
    return [style.restyle(question) for question in questions]


def _with_text(change: Callable[[str], str]) -> Callable[[Question], Question]:
    return lambda question: replace(question, text=change(question.text))


def _upper(question: Question) -> Question:
    """In capitals, but for a chemical symbol: CO is not Co."""
    symbol = SYMBOL.fullmatch(question.text) if question.source in FACTS else None
    if symbol is None:
        return replace(question, text=question.text.upper())
    before, kept, after = symbol.groups()
    return replace(question, text=f"{before.upper()}{kept}{after}")


def _with_typos(question: Question) -> Question:
    """Letters swapped or dropped inside words; names, numbers and words of under four letters left alone.

    By accident a typo can make another word ("friend", "fiend"): the label says what the original did.
    """
    generator = random.Random(f"typos {question.id}")
    kept = _entities(question)
    words = [
        found
        for found in TYPO_WORD.finditer(question.text)
        if found[0].islower() and not any(start <= found.start() < end for start, end in kept)
    ]
    if not words:
        return question
    chosen = generator.sample(words, max(1, round(TYPO_SHARE * len(words))))
    text = question.text
    for word in sorted(chosen, key=lambda found: -found.start()):
        text = text[: word.start()] + _misspelt(word[0], generator) + text[word.end() :]
    return replace(question, text=text)


def _misspelt(word: str, generator: random.Random) -> str:
    """A word of four letters or more with two inner letters swapped, or one dropped."""
    swaps = [place for place in range(1, len(word) - 2) if word[place] != word[place + 1]]
    if swaps and generator.random() < 0.5:
        place = generator.choice(swaps)
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    place = generator.randrange(1, len(word) - 1)
    return word[:place] + word[place + 1 :]


def _entities(question: Question) -> list[tuple[int, int]]:
    """Where a built-in fact names what it is about: start and end of each."""
    if question.source not in FACTS:
        return []
    found, _ = _form_of(question)
    return [found.span(group) for group in range(1, found.re.groups + 1)]


def _form_of(question: Question) -> tuple[re.Match, str]:
    for form, negation in FACT_FORMS:
        if (found := form.fullmatch(question.text)) is not None:
            return found, negation
    raise DataError(f"question {question.id} is worded as no built-in fact is: {question.text!r}")


def _negated(question: Question) -> Question:
    """The claim negated where there is one ("this review is not Positive"), else a built-in fact."""
    flipped = replace(question, label=1 - question.label)
    if question.claim is not None:
        return replace(flipped, claim=f"not {question.claim}")
    if question.source not in FACTS:
        raise DataError(
            f"{question.source} in direct form states nothing that could be negated: use --form claim with a "
            f"template that shows the claim, or another style; of other questions {', '.join(FACTS)} can be"
        )
    found, negation = _form_of(question)
    return replace(flipped, text=negation.format(*found.groups()))


def _formal(text: str) -> str:
    for short, whole in CONTRACTIONS:
        text = short.sub(whole, text)
    return f"The following text is hereby submitted for consideration.\n{text}"


def _chatter_before(question: Question) -> Question:
    chatter = random.Random(f"chatter before {question.id}").choice(BEFORE)
    return replace(question, text=f"{chatter}\n{question.text}")


def _chatter_after(question: Question) -> Question:
    chatter = random.Random(f"chatter after {question.id}").choice(AFTER)
    return replace(question, text=f"{question.text}\n{chatter}")


STYLES = {
    style.name: style
    for style in (
        Style(PLAIN, "The text as it is.", lambda question: question),
        Style("upper", "The text in capitals, but for chemical symbols.", _upper),
        Style(
            "typos",
            f"Letters swapped or dropped in {TYPO_SHARE:.0%} of the longer words, never in names or numbers.",
            _with_typos,
        ),
        Style(
            "polite",
            "A polite request before the text, and thanks after it.",
            _with_text(lambda text: f"Would you please look at the following text?\n{text}\nThank you."),
        ),
        Style("chatter-before", "A line of small talk before the text, one of five.", _chatter_before),
        Style("chatter-after", "A line of small talk after the text, one of five.", _chatter_after),
        Style("formal", "Short forms written out, after a formal opening.", _with_text(_formal)),
        Style(
            "negated",
            "A built-in fact, or the claim in claim form, is negated and its label flipped.",
            _negated,
        ),
    )
}
