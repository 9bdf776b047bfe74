"""Templates out of JSON files, and statements as people type them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.commands.options import chosen_template
from core.data.question import Question
from core.data.statements import parse_statements
from core.errors import TemplateError
from core.prompts.templates import LONGEST, Template
from core.store.saved import SavedStore
from tests.fuzz import cases
from tests.fuzz.hostile import NAMES, json_values
from tests.fuzz.refusals import accepted, nothing_beside

BODIES = st.sampled_from(["{text}", "{statement} {first}?", "{text}{claim}", "{text"]) | NAMES
CHOICES = st.lists(st.sampled_from(["No", "Yes", " yes ", ""]) | NAMES | json_values(2), max_size=3)
TEMPLATES = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES | json_values(2),
        "body": BODIES | json_values(2),
        "choices": CHOICES | json_values(3),
        "answer_prefix": NAMES | json_values(2),
        "more": json_values(3),
    },
)
QUESTION = Question("x:1", "A film {claim}.", 1, ("Negative", "Positive"), "reviews", "x:1", claim="Positive")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """A cache in a folder of its own."""
    cache = tmp_path_factory.mktemp("sandbox") / "cache"
    cache.mkdir()
    return cache


def read(cache, content: bytes) -> Template | None:
    """The template in a file of that content, or None where it is refused."""
    file = cache / "mine.json"
    file.write_bytes(content)
    return accepted(chosen_template, cache, str(file))


@cases(150)
@given(TEMPLATES | json_values())
def test_a_template_file_is_a_template_that_is_kept_whole_or_a_refusal(sandbox, values):
    template = read(sandbox, json.dumps(values).encode())
    store = SavedStore(sandbox)
    if template is None:
        return
    assert len(template.name) <= LONGEST["name"] and len(template.body) <= LONGEST["body"]
    assert accepted(template.fill, QUESTION) is None or QUESTION.text in template.fill(QUESTION)
    with nothing_beside(sandbox):
        store.save_template(template)
    assert store.template(template.name) == template


@cases(150)
@given(st.binary(max_size=40) | st.text('{}[]",:tenul0\\', max_size=60).map(str.encode))
def test_any_bytes_in_a_template_file_are_refused(sandbox, content):
    assert read(sandbox, content) is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[" * 100_000, "recursion"),
        (b'{"name": "a", "body": "{text}", "choices": "ab"}', "a list of two choices"),
        (b'{"name": "a", "body": "{text}", "choices": [0, 1]}', "has to be text"),
        (b'{"name": "a", "body": "{text}\\ud800", "choices": ["a", "b"]}', "half a character"),
        (
            json.dumps({"body": "{text}" + "x" * 30_000, "choices": ["a", "b"]}).encode(),
            "the longest is 20,000",
        ),
        (b" " * (2 << 20), "at most 1,048,576"),
    ],
)
def test_what_is_no_template_is_refused_with_its_reason(sandbox, content, why):
    (sandbox / "mine.json").write_bytes(content)
    with pytest.raises(TemplateError, match=why):
        chosen_template(sandbox, str(sandbox / "mine.json"))


LINES = st.sampled_from(
    ["Q: a | A: b", "true: Ice is cold.", "q:", "|", "a:", "\t", " ", "T:", "\ufeff", "\r"]
)


@cases(200)
@given(st.lists(LINES | NAMES, max_size=6).map("".join))
def test_any_typed_statements_are_read_or_refused(text):
    for statement in accepted(parse_statements, text, ("Negative", "Positive (good)")) or ():
        assert statement.text.strip() and statement.text in text


@pytest.mark.parametrize(
    "line", ["q:" + " " * 50_000, "q:" + "| " * 25_000, "q: x" + "\t" * 50_000, "t" * 10**6]
)
def test_a_long_line_is_refused(line):
    """One expression for question and answer takes the cube of the spaces: this test would not end."""
    assert accepted(parse_statements, line) is None
