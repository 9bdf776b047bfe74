"""Answer reading: from tokens and probabilities to choices, never by guessing.

Two readings are kept apart everywhere. `said` is what the emitted tokens amount to; `leans` is where the
probability at the answer's first token lies. A choice has many spellings (`No`, ` No`, `no`, `NO`): all are
counted, each is reported, and so is the mass outside all choices.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

from core.errors import TemplateError

NEGATION = re.compile(
    r"\b(?:not|isn['’]?t|wasn['’]?t|never|neither|nor|hardly)\s+(?:\w+\s+){0,2}$", re.IGNORECASE
)
RETRACTION = re.compile(
    r"\b(?:wait|actually|sorry|correction|i mean|or rather|scratch that|on second thought)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Spelling:
    """One way to write a choice: its index, token ids, and how text and tokenizer write it."""

    choice: int
    ids: tuple[int, ...]
    text: str
    token: str


@dataclass(frozen=True)
class Reader:
    """How a template's choices are read off a tokenizer's probabilities.

    Attributes:
        choices: the two choices, negative first.
        spellings: every spelling of both.
        single: whether each is one token; then the first token's probabilities suffice. Otherwise whole
            sequences are scored, and a spelling counts only where a word boundary follows it.
    """

    choices: tuple[str, str]
    spellings: tuple[Spelling, ...]
    single: bool


@dataclass(frozen=True)
class Said:
    """What emitted tokens amount to: the choice (None: none) and its token span [start, end)."""

    choice: int | None
    start: int = -1
    end: int = -1


def single_token_spellings(tokenizer: Any, choice: str) -> list[tuple[int, str]]:
    """Every (id, text) in the vocabulary that spells the choice, but for case and surrounding space."""
    wanted = choice.strip().casefold()
    specials = set(tokenizer.all_special_ids)
    found = []
    for token, number in tokenizer.get_vocab().items():
        if number in specials or wanted not in token.casefold():
            continue
        text = tokenizer.decode([number])
        if text.strip().casefold() == wanted:
            found.append((number, text))
    return sorted(found)


def sequence_spellings(tokenizer: Any, choice: str) -> list[tuple[tuple[int, ...], str]]:
    """The usual spellings as token sequences: case variants, with and without a leading space."""
    word = choice.strip()
    found: dict[tuple[int, ...], str] = {}
    for variant in dict.fromkeys((word, word.lower(), word.upper(), word.capitalize())):
        for text in (variant, " " + variant):
            ids = tuple(tokenizer(text, add_special_tokens=False).input_ids)
            if ids:
                found.setdefault(ids, text)
    return [(ids, text) for ids, text in found.items()]


def make_reader(tokenizer: Any, choices: tuple[str, str]) -> Reader:
    """Find all spellings of both choices.

    Raises:
        TemplateError: the choices share a spelling's tokens, so that they cannot be told apart.
    """
    singles = [single_token_spellings(tokenizer, choice) for choice in choices]
    single = all(singles)
    spellings = []
    for index, choice in enumerate(choices):
        forms = (
            [((number,), text) for number, text in singles[index]]
            if single
            else sequence_spellings(tokenizer, choice)
        )
        for ids, text in forms:
            token = " ".join(tokenizer.convert_ids_to_tokens(list(ids)))
            spellings.append(Spelling(index, ids, text, token))
    mine = [{s.ids for s in spellings if s.choice == index} for index in (0, 1)]
    if mine[0] & mine[1]:
        raise TemplateError(f"the choices {choices[0]!r} and {choices[1]!r} share their tokens: rename one")
    return Reader(choices, tuple(spellings), single)


def first_token_collisions(reader: Reader) -> list[int]:
    """Ids that begin spellings of both choices: their first token says nothing."""
    first = [{s.ids[0] for s in reader.spellings if s.choice == index} for index in (0, 1)]
    return sorted(first[0] & first[1])


def boundary_ids(tokenizer: Any) -> list[int]:
    """Ids that cannot continue a word: specials, and tokens that begin with neither letter nor digit."""
    specials = set(tokenizer.all_special_ids)
    found = []
    for token, number in tokenizer.get_vocab().items():
        lead = token[:1]
        continues = lead.isalnum() and lead not in "ĠĊ▁" and not re.fullmatch(r"<0x[0-9A-F]{2}>", token)
        if number in specials or not continues:
            found.append(number)
    return sorted(found)


def growing_text(tokenizer: Any, ids: list[int] | tuple[int, ...]) -> list[str]:
    """The text up to and with each token, without special tokens."""
    return [tokenizer.decode(list(ids[: end + 1]), skip_special_tokens=True) for end in range(len(ids))]


def read_said(tokenizer: Any, ids: list[int] | tuple[int, ...], choices: tuple[str, str]) -> Said:
    """The choice that emitted tokens amount to.

    None where they hold no choice as a whole word, both choices, a negated one ("not Positive") or a
    retracted one ("Positive. Wait, …").
    """
    pieces = growing_text(tokenizer, ids)
    text = pieces[-1] if pieces else ""
    found = [
        (match.start(), match.end(), index)
        for index, choice in enumerate(choices)
        for match in re.finditer(rf"(?<!\w){re.escape(choice.strip())}(?!\w)", text, re.IGNORECASE)
    ]
    if len({index for *_, index in found}) != 1:
        return Said(None)
    start, end, index = min(found)
    negated = NEGATION.search(text[:start]) or re.search(r"\bnon-$", text[:start], re.IGNORECASE)
    if negated or RETRACTION.search(text[end:]):
        return Said(None)
    return Said(index, *token_span(pieces, start, end))


def token_span(pieces: list[str], start: int, end: int) -> tuple[int, int]:
    """The tokens [first, last) that hold the characters [start, end).

    Args:
        pieces: the text up to and with each token, the whole text last.
    """
    first = next(number for number, piece in enumerate(pieces) if len(piece) > start)
    last = next(number for number, piece in enumerate(pieces) if len(piece) >= end)
    return first, last + 1


def choice_masses(reader: Reader, probabilities: list[float]) -> tuple[float, float]:
    """The summed probability of each choice, from one probability per spelling."""
    masses = [0.0, 0.0]
    for spelling, probability in zip(reader.spellings, probabilities, strict=True):
        masses[spelling.choice] += probability
    return masses[0], masses[1]


def log_odds(mass_0: float, mass_1: float) -> float:
    """ln(mass_1 / mass_0) in nats, finite for masses that are 0."""
    tiny = 1e-12
    return math.log(max(mass_1, tiny)) - math.log(max(mass_0, tiny))


def leaning(mass_0: float, mass_1: float, offset: float = 0.0) -> int:
    """The choice with the most probability after the offset is taken off."""
    return int(log_odds(mass_0, mass_1) - offset > 0)
