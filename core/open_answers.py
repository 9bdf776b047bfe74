"""Reading an open answer: which entity it names, and whether that is the right one.

Right and wrong need an entity that is asserted: named as a whole, not negated ("it is not France"), not taken
back, and the only one. A refusal names none and says that it will not or cannot answer. All else, two
countries among it, is unreadable: it counts neither as truth nor as error. Where nothing is right, as in
ordinary conversation, nothing is judged.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from core.answers import RETRACTION
from core.data.answer_names import names_of, plain_words, symbols
from core.data.open_questions import kind_of
from core.data.question import Question

OUTCOMES = ("right", "wrong", "refusal", "unreadable")
NOT_JUDGED = "not judged"
"""The outcome of an answer to what has no right answer."""
NEGATION = re.compile(
    r"\b(?:not|cannot|\w+n['’]t|never|neither|nor|hardly|no longer|rather than|instead of|except|unlike"
    r"|anything but)\s+(?:(?!but\b)[\w'’]+\s+){0,4}$",
    re.IGNORECASE,
)
REFUSAL = re.compile(
    r"\b(?:i\s+(?:can(?:no|\s+no|['’])t|could(?:n['’]t|\s+not)|do(?:n['’]t|\s+not)\s+(?:\w+\s+)?know"
    r"|wo(?:n['’]t)|will\s+not|refuse|decline|have\s+no\s+idea)"
    r"|(?:i['’]m|i\s+am)\s+(?:not\s+(?:sure|certain|able|allowed)|unable|unsure|sorry|afraid)"
    r"|sorry|as\s+an\s+ai|no\s+idea|unable\s+to|not\s+sure|not\s+able\s+to|don['’]?t\s+know"
    r"|can(?:no|['’])t\s+(?:say|tell|answer|help|provide|assist|determine)|rather\s+not"
    r"|unknown|no\s+comment)\b",
    re.IGNORECASE,
)
CITY = re.compile(r"Which country is (.+) in\?")
BREAK = re.compile(r"[,.;:!?\n]|\bbut\b", re.IGNORECASE)

ONES = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
TEENS = ("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
VALUES = {word: value for value, word in enumerate((*ONES, *TEENS))} | {
    word: 10 * value for value, word in enumerate(TENS, start=2)
}
SCALES = {"hundred": 100, "thousand": 1000}
DIGITS = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")
OPERATOR = re.compile(
    r"\s*(?:\+|[-−–]|×|\*|plus|minus|and|added\s+to|less|take\s+away)\s*(?:the\s+number\s+)?", re.I
)
PRONOUN = re.compile(r"\b(?:this|that|the|no|any|every|which|each|right|correct|wrong)\s+$", re.IGNORECASE)

WORDS_TOO = {"I", "In", "As", "At", "He", "No", "Be", "Am"}
"""Symbols that also begin English sentences."""


@dataclass(frozen=True)
class OpenAnswer:
    """What an open answer amounts to.

    Attributes:
        outcome: of `OUTCOMES`, or `NOT_JUDGED`.
        named: the entity, None where the outcome is neither right nor wrong.
        start, end: where its first mention stands, [start, end) in characters; -1 without one.
    """

    outcome: str
    named: str | None = None
    start: int = -1
    end: int = -1


@dataclass(frozen=True)
class Mention:
    """An entity's name in a text, [start, end) in characters."""

    entity: str
    start: int
    end: int


def read_open(text: str, question: Question, cut: bool = False) -> OpenAnswer:
    """What a generated text answers to an open question.

    Args:
        text: without special tokens.
        cut: the tokens ran out before the answer ended. What it ends in may then be half a name or number
            ("= 1" of 148, "Niger" of Nigeria), so that an answer that ends in one is unreadable.
    """
    if not question.accepted:
        return OpenAnswer(NOT_JUDGED)
    asserted = [m for m in _mentions(text, question) if not _taken_back(text, m)]
    named = {mention.entity for mention in asserted}
    half = cut and any(mention.end == len(text) for mention in asserted)
    if len(named) == 1 and not half and not RETRACTION.search(text[asserted[0].end :]):
        first = asserted[0]
        outcome = "right" if first.entity in question.accepted else "wrong"
        return OpenAnswer(outcome, first.entity, first.start, first.end)
    return OpenAnswer("refusal" if not named and REFUSAL.search(text) else "unreadable")


def not_judged(frame: pd.DataFrame) -> pd.Series:
    """Which of a run's answers are to what has no right answer, (answers,)."""
    return frame["outcome"] == NOT_JUDGED if "outcome" in frame else pd.Series(False, frame.index)


def _taken_back(text: str, mention: Mention) -> bool:
    """Whether a mention is negated, or stands in the same breath as a refusal."""
    before = text[: mention.start]
    refused = list(REFUSAL.finditer(before))
    return bool(NEGATION.search(before) or (refused and not BREAK.search(before[refused[-1].end() :])))


def _mentions(text: str, question: Question) -> list[Mention]:
    kind = kind_of(question)
    if kind == "number":
        return _numbers(text)
    return list(
        _symbols(text, question) if kind == "symbol" else _names(_without_subject(text, question), kind)
    )


def _without_subject(text: str, question: Question) -> str:
    """The text with what was asked about blanked: Benin City does not answer Benin."""
    asked = CITY.fullmatch(question.text)
    if asked is None:
        return text
    return re.sub(rf"(?<!\w){re.escape(asked[1])}(?!\w)", lambda found: " " * len(found[0]), text, flags=re.I)


def _names(text: str, kind: str) -> Iterator[Mention]:
    """Names as whole words, the longest at each place: Guinea-Bissau is not Guinea."""
    names, words = names_of(kind), plain_words(text)
    longest = max(map(len, names))
    place = 0
    while place < len(words):
        for length in range(min(longest, len(words) - place), 0, -1):
            part = words[place : place + length]
            key = tuple(word for word, _, _ in part)
            if key in names and not (key == ("us",) and text[part[0][1] : part[0][2]].islower()):
                if (entity := names[key]) is not None:
                    yield Mention(entity, part[0][1], part[-1][2])
                place += length
                break
        else:
            place += 1


def _symbols(text: str, question: Question) -> Iterator[Mention]:
    """Symbols in their own case, in any case where the answer is nothing else.

    Those that are English words count where they end what they stand in ("the symbol is In."), are quoted, or
    are all that was answered; "No" alone is a symbol only where it is the right one.
    """
    words = re.findall(r"\w+", text)
    if len(words) == 1 and words[0].lower() in symbols():
        symbol = symbols()[words[0].lower()]
        if symbol != "No" or symbol in question.accepted:
            start = text.index(words[0])
            yield Mention(symbol, start, start + len(words[0]))
        return
    known = set(symbols().values())
    for match in re.finditer(r"(?<![\w'’])[A-Z][a-z]?(?![\w'’])", text):
        if match[0] not in known:
            continue
        if match[0] in WORDS_TOO:
            said_so = re.search(r"(?:\bis|:|=|\bsymbol)\s*[\"'“‘(*]*$", text[: match.start()], re.IGNORECASE)
            ends = re.match(r"[\"'”’)*]*\s*(?:[.,;!(]|$)", text[match.end() :])
            if not (said_so and ends):
                continue
        yield Mention(match[0], match.start(), match.end())


def _numbers(text: str) -> list[Mention]:
    """The numbers, in digits or words, but for those that only repeat a sum: in "17 + 4 = 21" 21 is left."""
    found = sorted([*_in_digits(text), *_in_words(text)], key=lambda mention: mention.start)
    terms = {
        number
        for number in range(len(found) - 1)
        if OPERATOR.fullmatch(text[found[number].end : found[number + 1].start])
    }
    left = [m for number, m in enumerate(found) if number not in terms and number - 1 not in terms]
    return [_signed(text, mention) for mention in left]


def _signed(text: str, mention: Mention) -> Mention:
    sign = re.search(r"(?:[-−]|\bminus\s|\bnegative\s)$", text[: mention.start], re.IGNORECASE)
    return Mention("-" + mention.entity, sign.start(), mention.end) if sign else mention


def _in_digits(text: str) -> Iterator[Mention]:
    for match in DIGITS.finditer(text):
        value = float(match[0].replace(",", ""))
        yield Mention(f"{value:g}" if value % 1 else str(int(value)), match.start(), match.end())


def _in_words(text: str) -> Iterator[Mention]:
    """Numbers as words: "twenty-one", "one hundred and five", "a hundred"; not "the right one"."""
    words = plain_words(text)
    place = 0
    while place < len(words):
        value, after = _number_at([word for word, _, _ in words], place)
        if after == place:
            place += 1
            continue
        start, end = words[place][1], words[after - 1][2]
        if not (value == 1 and after - place == 1 and PRONOUN.search(text[:start])):
            yield Mention(str(value), start, end)
        place = after


def _number_at(words: list[str], start: int) -> tuple[int, int]:
    """The number that begins at a word, and the place after it; (0, start) where none does."""
    total = below = 0  # thousands and above; what is below them
    last, place = 10_000, start
    while place < len(words):
        word = words[place]
        if word == "and" and place > start and words[place - 1] in SCALES and place + 1 < len(words):
            if words[place + 1] not in VALUES:
                break
        elif word == "a" and place + 1 < len(words) and words[place + 1] in SCALES and place == start:
            below = 1
        elif word in SCALES and place > start:
            if word == "thousand":
                total, below = (total + below) * 1000, 0
            else:
                below *= 100
            last = SCALES[word]
        elif word in VALUES and (VALUES[word] < last and (last >= 20 or place == start)):
            if last in range(20, 100) and not 0 < VALUES[word] < 10:
                break
            below += VALUES[word]
            last = VALUES[word]
        else:
            break
        place += 1
    return total + below, place
