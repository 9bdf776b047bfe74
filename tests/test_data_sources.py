"""Sources: one door to all of them, seeded balanced samples, pools that hold their samples, fingerprints."""

from collections import Counter
from dataclasses import replace

import pytest

from core.data.open_questions import OPEN
from core.data.question import Question
from core.data.sources import BUILT_IN, DataSettings, count_trained, fingerprint, load_pool, load_questions
from core.errors import DataError


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name not in OPEN])
@pytest.mark.parametrize("form", ["direct", "claim"])
def test_every_built_in_source_gives_a_balanced_seeded_sample(cache, name, form):
    settings = DataSettings(name, n=40, seed=1, form=form)
    questions = load_questions(cache, settings)
    assert Counter(q.label for q in questions) == {0: 20, 1: 20}
    assert questions == load_questions(cache, settings)
    assert questions != load_questions(cache, replace(settings, seed=2))
    assert all((q.claim is not None) == (form == "claim") for q in questions)


@pytest.mark.parametrize("form", ["direct", "claim"])
def test_the_pool_holds_the_sample_with_the_same_groups(cache, form):
    settings = DataSettings("cities", n=40, form=form)
    groups = {q.id: q.group for q in load_pool(cache, settings)}
    assert len(groups) > 500
    assert all(groups[q.id] == q.group for q in load_questions(cache, settings))


def test_without_a_number_all_questions_come_that_no_liar_is_trained_on(cache):
    settings = DataSettings("elements")
    asked = len(load_questions(cache, settings))
    assert 0 < asked < 472
    assert asked + count_trained(cache, settings) == 472


def test_a_file_is_named_by_its_name_and_not_by_where_it_lies(tmp_path):
    (tmp_path / "mine.csv").write_text("text,label\nfine,1\nawful,0\n")
    questions = load_questions(tmp_path, DataSettings(str(tmp_path / "mine.csv")))
    assert [(q.id, q.source, q.label) for q in questions] == [
        ("mine.csv:1", "mine.csv", 1),
        ("mine.csv:2", "mine.csv", 0),
    ]


def test_a_hub_prefix_leads_to_datasets(tmp_path):
    (tmp_path / "mine.csv").write_text("text,label\nfine,1\nawful,0\n")
    questions = load_questions(tmp_path, DataSettings(f"hub:{tmp_path / 'mine.csv'}", n=2))
    assert {q.text for q in questions} == {"fine", "awful"}


@pytest.mark.parametrize("name", ["", "movies", "mine.txt"])
def test_an_unknown_name_lists_the_built_in_ones(cache, name):
    with pytest.raises(DataError, match="movie-reviews, amazon-reviews, tweets, cities, elements, numbers"):
        load_questions(cache, DataSettings(name))


def test_an_unknown_form_is_refused(cache):
    with pytest.raises(DataError, match="'indirect': choose direct or claim"):
        load_questions(cache, DataSettings("cities", form="indirect"))


@pytest.mark.parametrize("n", [0, -1, 10_000_000])
def test_a_number_that_cannot_be_had_is_refused(cache, n):
    with pytest.raises(DataError, match="sample"):
        load_questions(cache, DataSettings("numbers", n=n))


def test_the_fingerprint_is_that_of_ids_texts_and_labels():
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert fingerprint([]) == empty
    question = Question("i", "t", 0, ("a", "b"), "s", "g")
    seen = {
        fingerprint([changed])
        for changed in (
            question,
            replace(question, id="j"),
            replace(question, text="u"),
            replace(question, label=1),
        )
    }
    assert len(seen) == 4
    assert fingerprint([replace(question, group="other")]) == fingerprint([question])
