"""Facts: statements whose truth is known by hand, balance, and groups that no entity straddles."""

import re
from collections import Counter, defaultdict

import pytest

from core.data.facts import FACTS, load_facts
from core.errors import DataError


def truth_of(name: str) -> dict[str, int]:
    return {q.text: q.label for q in load_facts(name)}


@pytest.mark.parametrize(
    ("name", "text", "label"),
    [
        ("cities", "The city of Lyon is in France.", 1),
        ("cities", "The city of Lyon is not in France.", 0),
        ("cities", "The city of Tokyo is in Japan.", 1),
        ("cities", "The city of Chicago is not in the United States.", 0),
        ("elements", "The chemical symbol of gold is Au.", 1),
        ("elements", "Gold has the atomic number 79.", 1),
        ("elements", "Hydrogen has the atomic number 1.", 1),
        ("elements", "Hydrogen has the atomic number 60.", 0),
        ("elements", "The chemical symbol of neodymium is H.", 0),
    ],
)
def test_statements_known_by_hand(name, text, label):
    assert truth_of(name)[text] == label


def test_every_statement_about_numbers_is_labelled_by_arithmetic():
    for text, label in truth_of("numbers").items():
        first, word, second = re.fullmatch(r"(\d+) is (larger|smaller) than (\d+)\.", text).groups()
        assert label == int(int(first) > int(second) if word == "larger" else int(first) < int(second))


def test_a_negation_has_the_other_label_and_the_same_group():
    questions = {q.text: q for q in load_facts("cities")}
    plain = [q for text, q in questions.items() if " is in " in text]
    assert len(plain) == len(questions) / 2
    for question in plain:
        negation = questions[question.text.replace(" is in ", " is not in ")]
        assert negation.label == 1 - question.label
        assert negation.group == question.group


@pytest.mark.parametrize("name", FACTS)
def test_half_the_statements_are_true_in_every_group(name):
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for question in load_facts(name):
        counts[question.group][question.label] += 1
    assert len(counts) > 50
    assert all(count[0] == count[1] for count in counts.values())


ENTITIES = {
    "cities": r"The city of (.+) is (?:not )?in (.+)\.",
    "elements": r"The chemical symbol of (.+) is (.+)\.|(.+) has the atomic number (.+)\.",
    "numbers": r"(\d+) is \w+ than (\d+)\.",
}


@pytest.mark.parametrize("name", FACTS)
def test_no_entity_stands_in_two_groups(name):
    groups: dict[str, set[str]] = defaultdict(set)
    for question in load_facts(name):
        for entity in re.fullmatch(ENTITIES[name], question.text).groups():
            if entity:
                groups[entity.casefold()].add(question.group)
    assert len(groups) > 100
    assert all(len(found) == 1 for found in groups.values())


@pytest.mark.parametrize("name", FACTS)
def test_naming_an_entity_says_nothing_about_the_truth(name):
    labels: dict[str, Counter[int]] = defaultdict(Counter)
    for question in load_facts(name):
        for entity in re.fullmatch(ENTITIES[name], question.text).groups():
            if entity:
                labels[entity][question.label] += 1
    assert all(count[0] == count[1] for count in labels.values())


@pytest.mark.parametrize("name", FACTS)
def test_ids_and_texts_stand_once_and_the_order_never_changes(name):
    questions = load_facts(name)
    assert len({q.id for q in questions}) == len({q.text for q in questions}) == len(questions)
    assert questions == load_facts(name)


def test_the_counts_that_follow_from_118_elements_and_1000_numbers():
    assert (len(load_facts("elements")), len(load_facts("numbers"))) == (472, 2000)


def test_no_country_pair_dominates_the_cities():
    counts = Counter(q.group for q in load_facts("cities"))
    assert max(counts.values()) == 2 * 8 * 4


def test_a_city_name_found_in_two_countries_or_naming_its_country_is_left_out():
    texts = " ".join(truth_of("cities"))
    for name in ("Valencia", "Mexico City", "Hyderabad", "Jerusalem", "Hong Kong"):
        assert f"city of {name} " not in texts


def test_unknown_facts_name_those_there_are():
    with pytest.raises(DataError, match="'planets': choose one of cities, elements, numbers"):
        load_facts("planets")
