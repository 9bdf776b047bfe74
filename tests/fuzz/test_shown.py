"""Whatever a message quotes, it stays one line that can be seen."""

from hypothesis import given
from hypothesis import strategies as st

from core.shown import LONGEST_SENTENCE, named, quoted, sentence
from tests.fuzz import cases
from tests.fuzz.hostile import NAMES, json_values


@cases(150)
@given(NAMES | json_values())
def test_a_quoted_value_is_short_and_can_be_seen(value):
    for shown in (quoted(value), named(value)):
        assert shown.isprintable() and len(shown) <= 150


@cases(50)
@given(st.lists(NAMES, min_size=1, max_size=20))
def test_a_sentence_is_one_line_that_keeps_its_end(parts):
    told = sentence("\n".join(parts) + ": choose another")
    assert told.isprintable() and len(told) <= LONGEST_SENTENCE + 3 and told.endswith(": choose another")


def test_short_values_stand_as_they_are():
    assert (quoted("a\u202eb"), quoted(7), named("film.csv")) == ("'a\\u202eb'", "7", "film.csv")
    assert sentence("no run 'x':\n give another") == "no run 'x': give another"
