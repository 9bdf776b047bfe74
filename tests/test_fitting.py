"""Which template suits which labels, which form it asks in, and which answer stands for which label."""

import pytest

from core.data.sources import DataSettings, load_questions, source_choices
from core.data.tables import read_table
from core.data.uploads import ColumnMapping, label_sides, with_positive
from core.errors import DataError, TemplateError
from core.prompts.fitting import correspondence, default_template, forms
from core.prompts.templates import BUILT_IN, Template

REVIEWS, STATEMENTS, ANSWERS = ("Negative", "Positive"), ("False", "True"), ("No", "Yes")
MAIL = ("ham", "spam")
WITH_CLAIM = Template("mine", "{text}\nSomebody calls it {claim}. Are they right?", ANSWERS)
BARE_TRUTH = Template("bare", "{text}\nTrue or False?", STATEMENTS)


@pytest.mark.parametrize(
    ("choices", "name"),
    [(REVIEWS, "review"), (STATEMENTS, "true-false"), (ANSWERS, "yes-no"), (MAIL, "yes-no")],
)
def test_labels_choose_the_default_template(choices, name):
    assert default_template(choices) == name
    assert forms(BUILT_IN[name], choices)[0] == "direct"


@pytest.mark.parametrize(
    ("template", "choices", "expected"),
    [
        (BUILT_IN["review"], REVIEWS, ("direct",)),
        (BUILT_IN["true-false"], STATEMENTS, ("direct",)),
        (BUILT_IN["true-false"], REVIEWS, ("claim",)),
        (BUILT_IN["true-false"], MAIL, ("claim",)),
        (BUILT_IN["yes-no"], STATEMENTS, ("direct",)),
        (BUILT_IN["yes-no"], REVIEWS, ("direct", "claim")),
        (WITH_CLAIM, REVIEWS, ("claim",)),
        (WITH_CLAIM, STATEMENTS, ("claim",)),
        (BARE_TRUTH, STATEMENTS, ("direct",)),
    ],
)
def test_the_form_follows_from_template_and_labels(template, choices, expected):
    assert forms(template, choices) == expected


def test_claims_that_the_template_would_not_show_are_refused():
    with pytest.raises(TemplateError, match=r"labelled ham/spam: show their claim with {statement}"):
        forms(BARE_TRUTH, MAIL)


def test_labels_and_answers_correspond_by_their_place():
    assert correspondence(BUILT_IN["yes-no"], MAIL) == "ham ↔ No, spam ↔ Yes"
    assert correspondence(BUILT_IN["review"], REVIEWS) is None


@pytest.mark.parametrize(
    ("values", "positive", "choices"),
    [
        (("happy", "sad"), "happy", ("sad", "happy")),
        (("happy", "sad"), "sad", ("happy", "sad")),
        (("neg", "pos"), "pos", ("Negative", "Positive")),
        (("neg", "pos"), "neg", ("pos", "neg")),
    ],
)
def test_a_person_says_which_value_is_the_positive_one(tmp_path, values, positive, choices):
    path = tmp_path / "mine.csv"
    path.write_text(f"text,label\none,{values[0]}\ntwo,{values[1]}\n")
    plain = ColumnMapping("text", "label")
    sides, _ = label_sides(read_table(path), plain, "mine.csv")
    mapping = with_positive(plain, sides, positive)
    questions = load_questions(tmp_path, DataSettings(str(path), mapping=mapping))
    assert [q.label for q in questions] == [int(value == positive) for value in values]
    assert {q.choices for q in questions} == {choices}


@pytest.mark.parametrize(
    ("name", "choices"),
    [("movie-reviews", REVIEWS), ("cities", STATEMENTS), ("hub:imdb", REVIEWS), ("hub:boolq", ANSWERS)],
)
def test_the_labels_of_known_sources_are_known_without_loading_them(tmp_path, name, choices):
    assert source_choices(tmp_path, DataSettings(name)) == choices


def test_the_labels_of_a_file_are_read_from_it(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("text,label\none,TRUE\ntwo,FALSE\n")
    assert source_choices(tmp_path, DataSettings(str(path))) == STATEMENTS
    path.write_text("text,label\none,a\ntwo,b\nthree,c\n")
    with pytest.raises(DataError, match="exactly two"):
        source_choices(tmp_path, DataSettings(str(path)))
