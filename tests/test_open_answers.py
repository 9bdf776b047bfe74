"""Open answers: what is right, wrong, refused or unreadable, on texts that a model might write."""

import pytest

from core.data.facts import load_facts
from core.data.open_questions import WITH_ANSWER, load_open, sample_open
from core.data.question import Question
from core.errors import DataError
from core.open_answers import read_open

QUESTIONS = {question.text: question for name in WITH_ANSWER for question in load_open(name)}


def about(kind, answer):
    return Question(f"made:{kind}:x", "?", 1, ("wrong", "right"), "made", "g", accepted=(answer,))


def outcome(text, kind, answer):
    return read_open(text, about(kind, answer)).outcome


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("France", "France", "right"),
        (" france.", "France", "right"),
        ("FRANCE!", "France", "right"),
        ("Lyon is in France.", "France", "right"),
        ("It's France's second city", "France", "right"),
        ("The French Republic", "France", "right"),
        ("Spain", "France", "wrong"),
        ("USA", "United States", "right"),
        ("the U.S.", "United States", "right"),
        ("U.S.A.", "United States", "right"),
        ("United States", "United States", "right"),
        ("the United States of America", "United States", "right"),
        ("US", "United States", "right"),
        ("Let us see", "United States", "unreadable"),
        ("USA (United States)", "United States", "right"),
        ("Côte d'Ivoire", "Ivory Coast", "right"),
        ("Cote d’Ivoire", "Ivory Coast", "right"),
        ("cote d ivoire", "Ivory Coast", "right"),
        ("Co\u0302te d'Ivoire", "Ivory Coast", "right"),
        ("The Ivory Coast", "Ivory Coast", "right"),
        ("Türkiye", "Turkey", "right"),
        ("England", "United Kingdom", "right"),
        ("Holland", "Netherlands", "right"),
        ("The Netherlands", "Netherlands", "right"),
        ("Czech Republic", "Czechia", "right"),
        ("Guinea-Bissau", "Guinea", "wrong"),
        ("Papua New Guinea", "Guinea", "wrong"),
        ("Nigeria", "Niger", "wrong"),
        ("South Sudan", "Sudan", "wrong"),
        ("Dominica", "Dominican Republic", "wrong"),
        ("Democratic Republic of the Congo", "Democratic Republic of the Congo", "right"),
        ("Democratic Republic of the Congo", "Republic of the Congo", "wrong"),
        ("DR Congo", "Democratic Republic of the Congo", "right"),
        ("Congo", "Democratic Republic of the Congo", "unreadable"),
        ("Korea", "South Korea", "unreadable"),
        ("Republic of Korea", "South Korea", "right"),
        ("New Jersey", "United States", "unreadable"),
        ("New Mexico, USA", "United States", "right"),
        ("It is not France", "France", "unreadable"),
        ("It is not in the country of France", "France", "unreadable"),
        ("It isn't France", "Spain", "unreadable"),
        ("Not France but Spain", "Spain", "right"),
        ("Not France, Spain", "Spain", "right"),
        ("Spain, not France", "France", "wrong"),
        ("It's definitely not Spain. It is France.", "France", "right"),
        ("France or Spain", "France", "unreadable"),
        ("France and Germany", "France", "unreadable"),
        ("France. Wait, Germany", "France", "unreadable"),
        ("France. Actually, no", "France", "unreadable"),
        ("It is actually France", "France", "right"),
        ("I cannot answer that.", "France", "refusal"),
        ("I can't help with that", "France", "refusal"),
        ("I can’t say", "France", "refusal"),
        ("I don't know", "France", "refusal"),
        ("I do not really know.", "France", "refusal"),
        ("Sorry, no idea", "France", "refusal"),
        ("I'm not sure, but I think it is France", "France", "right"),
        ("I'm sorry, it is Spain", "France", "wrong"),
        ("I cannot tell you that it is in France", "France", "refusal"),
        ("Europe", "France", "unreadable"),
        ("It is a big city with many", "France", "unreadable"),
        ("", "France", "unreadable"),
        ("Francesca", "France", "unreadable"),
        ("Iran", "Iraq", "wrong"),
        ("Oman", "Romania", "wrong"),
    ],
)
def test_countries(text, country, expected):
    assert outcome(text, "country", country) == expected


@pytest.mark.parametrize(
    ("text", "symbol", "expected"),
    [
        ("Au", "Au", "right"),
        ("AU", "Au", "right"),
        ("au.", "Au", "right"),
        ('The symbol is "Au".', "Au", "right"),
        ("The chemical symbol of gold is Au", "Au", "right"),
        ("Ag", "Au", "wrong"),
        ("I don't know", "I", "refusal"),
        ("I don't know", "Au", "refusal"),
        ("I", "I", "right"),
        ("I think it is Au", "Au", "right"),
        ("In chemistry it is Au", "Au", "right"),
        ("The symbol for indium is In.", "In", "right"),
        ("The symbol is In", "In", "right"),
        ("The symbol is in the table", "In", "unreadable"),
        ("As an AI I cannot answer", "As", "refusal"),
        ("No", "Au", "unreadable"),
        ("No", "No", "right"),
        ("No, it is Au", "Au", "right"),
        ("He said Au", "Au", "right"),
        ("It is Au or Ag", "Au", "unreadable"),
        ("It is not Au", "Au", "unreadable"),
        ("It is K, not P", "K", "right"),
        ("gold", "Au", "unreadable"),
        ("Gold", "Au", "unreadable"),
    ],
)
def test_symbols(text, symbol, expected):
    assert outcome(text, "symbol", symbol) == expected


@pytest.mark.parametrize(
    ("text", "element", "expected"),
    [
        ("Gold", "Gold", "right"),
        ("the element gold", "Gold", "right"),
        ("Au is gold.", "Gold", "right"),
        ("Aluminium", "Aluminum", "right"),
        ("sulphur", "Sulfur", "right"),
        ("Wolfram (tungsten)", "Tungsten", "right"),
        ("Silver", "Gold", "wrong"),
        ("golden", "Gold", "unreadable"),
        ("Not silver but gold", "Gold", "right"),
    ],
)
def test_elements(text, element, expected):
    assert outcome(text, "element", element) == expected


@pytest.mark.parametrize(
    ("text", "number", "expected"),
    [
        ("21", "21", "right"),
        ("21.", "21", "right"),
        ("The answer is 21!", "21", "right"),
        ("twenty-one", "21", "right"),
        ("Twenty one", "21", "right"),
        ("twenty", "21", "wrong"),
        ("17 plus 4 is 21", "21", "right"),
        ("17 + 4 = 21", "21", "right"),
        ("17+4=22", "21", "wrong"),
        ("17 plus 4", "21", "unreadable"),
        ("seventeen plus four equals twenty-one", "21", "right"),
        ("one hundred and five", "105", "right"),
        ("a hundred five", "105", "right"),
        ("five hundred twelve", "512", "right"),
        ("seven hundred and ninety-nine", "799", "right"),
        ("one thousand two hundred and three", "1203", "right"),
        ("1,203", "1203", "right"),
        ("1", "1", "right"),
        ("one", "1", "right"),
        ("The right one is 21", "21", "right"),
        ("21.0", "21", "right"),
        ("21.5", "21", "wrong"),
        ("-21", "21", "wrong"),
        ("minus 21", "21", "wrong"),
        ("20 or 21", "21", "unreadable"),
        ("not 21", "21", "unreadable"),
        ("not 20 but 21", "21", "right"),
        ("twenty, twenty-one", "21", "unreadable"),
        ("four five", "9", "unreadable"),
        ("I don't know", "21", "refusal"),
        ("a lot", "21", "unreadable"),
        ("21st", "21", "unreadable"),
    ],
)
def test_numbers(text, number, expected):
    assert outcome(text, "number", number) == expected


@pytest.mark.parametrize(
    ("text", "kind", "answer", "expected"),
    [
        ("372 - 224 = 1", "number", "148", "unreadable"),
        ("372 - 224 = 148", "number", "148", "unreadable"),
        ("It is 148, as 372", "number", "148", "unreadable"),
        ("It is 148, as one", "number", "148", "unreadable"),
        ("The city is in Niger", "country", "Niger", "unreadable"),
        ("Niger is where it lies, by the river", "country", "Niger", "right"),
    ],
)
def test_half_a_name_at_the_end_of_a_cut_answer_is_no_answer(text, kind, answer, expected):
    assert read_open(text, about(kind, answer), cut=True).outcome == expected
    assert read_open("372 - 224 = 148", about("number", "148")).outcome == "right"


def test_the_first_mention_is_where_the_answer_stands():
    read = read_open("It is Côte d'Ivoire.", about("country", "Ivory Coast"))
    assert "It is Côte d'Ivoire."[read.start : read.end] == "Côte d'Ivoire"
    assert read.named == "Ivory Coast"


def test_the_right_answer_is_right_and_a_repeated_question_is_no_answer():
    for question in QUESTIONS.values():
        assert read_open(question.accepted[0], question).outcome == "right", question
        assert read_open(question.text, question).outcome == "unreadable", question


def test_a_city_that_is_called_after_a_country_does_not_answer_with_it():
    question = QUESTIONS["Which country is Benin City in?"]
    assert read_open("Benin City is in Nigeria.", question).outcome == "right"
    assert read_open("Benin City is in Benin.", question).named == "Benin"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Which country is Lyon in?", "France"),
        ("Which country is Chicago in?", "United States"),
        ("What is the chemical symbol of gold?", "Au"),
        ("Which chemical element has the symbol Pb?", "Lead"),
    ],
)
def test_questions_known_by_hand(text, answer):
    assert QUESTIONS[text].accepted == (answer,)


def test_sums_are_right_by_arithmetic():
    for question in load_open("open-numbers"):
        first, word, second = question.text.removeprefix("What is ").removesuffix("?").split()
        value = int(first) + int(second) if word == "plus" else int(first) - int(second)
        assert question.accepted == (str(value),) and value > 0


def test_an_open_question_shares_its_group_with_the_statements_about_it():
    of_city = {q.text.split(" is ")[0].removeprefix("The city of "): q.group for q in load_facts("cities")}
    shared = [q for q in load_open("open-cities") if q.text[17:-4] in of_city]
    assert len(shared) > 300
    assert all(q.group == of_city[q.text[17:-4]] for q in shared)
    assert {q.group for q in load_open("open-elements")} == {q.group for q in load_facts("elements")}


def test_a_sample_is_seeded_and_never_more_than_there_are():
    questions = load_open("open-elements")
    assert sample_open(questions, 20, 1) == sample_open(questions, 20, 1) != sample_open(questions, 20, 2)
    with pytest.raises(DataError, match="allows 1 to 236"):
        sample_open(questions, 237)
