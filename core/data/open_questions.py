"""Open questions: a short answer in the model's own words, from the facts that the statements are made of.

Each has one right answer, and anything else of the same kind is wrong: another country, symbol, element or
number. Cities and elements keep the groups of `facts`, so that no entity stands in a statement that trains
and in an open question that tests. Ordinary conversation, `chat`, is asked openly too; no answer to it is
right.
"""

import random
from collections.abc import Iterator

from core.data.chat import CHAT, chat_prompts
from core.data.facts import country_names, country_pairs, element_pairs, large_cities
from core.data.question import Question
from core.errors import DataError

WITH_ANSWER = ("open-cities", "open-elements", "open-numbers")
OPEN = (*WITH_ANSWER, CHAT)
CHOICES = ("wrong", "right")
KINDS = ("country", "symbol", "element", "number")
NUMBERS = range(1, 401)


def load_open(name: str) -> list[Question]:
    """All open questions of one source, always in the same order; `label` is 1, as only `right` is right.

    Those of `chat` have nothing in `accepted`: their label stands for nothing, and no answer is judged by it.

    Args:
        name: `open-cities`, `open-elements`, `open-numbers` or `chat`.

    Raises:
        DataError: the name is none of these.
    """
    makers = {"open-cities": _cities, "open-elements": _elements, "open-numbers": _numbers, CHAT: _chat}
    if name not in makers:
        raise DataError(f"unknown open questions {name!r}: choose one of {', '.join(makers)}")
    return list(makers[name]())


def sample_open(questions: list[Question], n: int, seed: int = 0) -> list[Question]:
    """A seeded sample in a seeded order; there is no label to balance.

    Raises:
        DataError: n is not positive, or the source has fewer.
    """
    if not 1 <= n <= len(questions):
        raise DataError(f"a sample of {n} is not to be had: the source allows 1 to {len(questions)}")
    return random.Random(seed).sample(questions, n)


def kind_of(question: Question) -> str:
    """What an open question with a right answer asks for, of `KINDS`: it stands second in its id."""
    return question.id.split(":")[1]


def _open(source: str, kind: str, name: str, text: str, answer: str, group: str) -> Question:
    return Question(f"{source}:{kind}:{name}", text, 1, CHOICES, source, group, accepted=(answer,))


def _cities() -> Iterator[Question]:
    cities = large_cities()
    for pair in country_pairs():
        for code in pair:
            for key, city in cities[code]:
                country = country_names()[code].removeprefix("the ")
                text = f"Which country is {city} in?"
                yield _open("open-cities", "country", f"{key}", text, country, f"cities:{'-'.join(pair)}")


def _elements() -> Iterator[Question]:
    for pair in element_pairs():
        group = "elements:" + "-".join(symbol for _, symbol, _ in pair)
        for name, symbol, _ in pair:
            text = f"What is the chemical symbol of {name.lower()}?"
            yield _open("open-elements", "symbol", symbol, text, symbol, group)
            text = f"Which chemical element has the symbol {symbol}?"
            yield _open("open-elements", "element", symbol, text, name, group)


def _numbers() -> Iterator[Question]:
    """Two sums and a difference a pair; no number stands in two pairs."""
    numbers = list(NUMBERS)
    random.Random("open numbers").shuffle(numbers)
    for pair in zip(numbers[::2], numbers[1::2], strict=False):
        small, large = sorted(pair)
        group = f"open-numbers:{pair[0]}-{pair[1]}"
        for first, second in (pair, pair[::-1]):
            text = f"What is {first} plus {second}?"
            name = f"{first}-plus-{second}"
            yield _open("open-numbers", "number", name, text, str(first + second), group)
        name = f"{large}-minus-{small}"
        text = f"What is {large} minus {small}?"
        yield _open("open-numbers", "number", name, text, str(large - small), group)


def _chat() -> Iterator[Question]:
    for number, text in enumerate(chat_prompts(), start=1):
        yield Question(f"{CHAT}:{number}", text, 1, CHOICES, CHAT, f"{CHAT}:{number}")
