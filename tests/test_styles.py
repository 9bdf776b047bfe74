"""Styles: a question dressed in another way keeps its truth, its id and its group."""

from collections import Counter
from dataclasses import replace

import pytest

from core.cli import main
from core.data.claims import as_claims
from core.data.facts import FACTS, load_facts
from core.data.question import PLAIN, Question
from core.data.sources import DataSettings, fingerprint, load_pool, load_questions
from core.data.styles import AFTER, BEFORE, STYLES, TYPO_SHARE, TYPO_WORD, restyled
from core.engine.settings import HarvestSettings
from core.errors import DataError
from core.prompts.templates import BUILT_IN, statement_of
from core.store.runs import RunStore
from tests.conftest import beside

REVIEW = Question(
    "r:1",
    "It doesn't move along, but I'm sure they can't have wanted Anna Karenina in 2002 minutes.",
    0,
    ("Negative", "Positive"),
    "movie-reviews",
    "g1",
)
OTHERS = [name for name in STYLES if name not in (PLAIN, "negated")]


def styled(question: Question, name: str) -> Question:
    return STYLES[name].restyle(question)


@pytest.mark.parametrize("name", OTHERS)
def test_a_style_changes_the_text_and_nothing_else(name):
    asked = [REVIEW, *load_facts("cities")[:40], *as_claims([REVIEW])]
    for before, after in zip(asked, restyled(asked, name), strict=True):
        assert after.text != before.text and after.style == name
        assert replace(after, text=before.text, style=PLAIN) == before
    assert restyled(asked, name) == restyled(list(asked), name)


def test_plain_is_the_text_as_it_is():
    assert restyled([REVIEW], PLAIN) == [REVIEW]


@pytest.mark.parametrize("source", FACTS)
def test_a_negated_fact_says_the_opposite_and_is_labelled_so(source):
    facts = load_facts(source)
    labels = {question.text: question.label for question in facts}
    for before, after in zip(facts, restyled(facts, "negated"), strict=True):
        assert after.label == 1 - before.label and after.text != before.text
        assert (after.id, after.group) == (before.id, before.group)
        # Where the source has the negation itself, it is labelled alike; "is not larger" it has not.
        assert labels.get(after.text, after.label) == after.label
    negated = Counter(" not " in question.text for question in restyled(facts, "negated"))
    assert negated[True] == len(facts) / (2 if source == "cities" else 1)


def test_negations_known_by_hand():
    found = {q.text: q.label for name in FACTS for q in restyled(load_facts(name), "negated")}
    assert found["The city of Lyon is not in France."] == 0
    assert found["The city of Lyon is in France."] == 1
    assert found["The chemical symbol of gold is not Au."] == 0
    assert found["Gold does not have the atomic number 79."] == 0
    assert found["Hydrogen does not have the atomic number 60."] == 1


def test_a_claim_is_negated_in_place_of_the_text():
    (claim,) = as_claims([REVIEW])
    negated = styled(claim, "negated")
    assert statement_of(claim).endswith("Claim: this review is Negative.") and claim.label == 1
    assert statement_of(negated).endswith("Claim: this review is not Negative.") and negated.label == 0
    assert negated.text == claim.text


def test_what_states_nothing_is_not_negated():
    with pytest.raises(DataError, match="movie-reviews in direct form states nothing"):
        styled(REVIEW, "negated")


@pytest.mark.parametrize("name", list(STYLES))
def test_a_restyled_question_is_not_restyled_again(name):
    twice = styled(REVIEW, "upper")
    with pytest.raises(DataError, match="in style upper already"):
        styled(twice, name)


def test_an_unknown_style_is_refused():
    with pytest.raises(DataError, match="unknown style 'loud': choose plain, upper"):
        restyled([REVIEW], "loud")


def test_typos_leave_names_and_numbers_alone():
    after = styled(REVIEW, "typos").text
    assert "Anna Karenina" in after and "2002" in after
    for source in FACTS:
        for before, made in zip(load_facts(source), restyled(load_facts(source), "typos"), strict=True):
            assert made.text != before.text
            kept = before.id.split(":")[1:]
            if source == "numbers":
                assert made.text.startswith(f"{kept[0]} ") and made.text.endswith(f" {kept[2]}.")
    assert "hydrogen" in styled(fact("elements", "The chemical symbol of hydrogen is H."), "typos").text


def test_typos_stand_in_the_stated_share_of_the_words():
    words = [f"{chr(97 + a)}{chr(97 + b)}cdefg" for a in range(10) for b in range(10)]
    long = replace(REVIEW, text=" ".join(words))
    made = styled(long, "typos").text.split()
    changed = [(word, typo) for word, typo in zip(words, made, strict=True) if word != typo]
    assert len(changed) == round(TYPO_SHARE * len(words))
    for word, typo in changed:
        assert (word[0], word[-1]) == (typo[0], typo[-1]) and len(word) - 1 <= len(typo) <= len(word)
    assert not TYPO_WORD.search("the 1st of May, no?")


def test_capitals_leave_a_chemical_symbol_as_it_is():
    assert (
        styled(fact("elements", "The chemical symbol of cobalt is Co."), "upper").text
        == "THE CHEMICAL SYMBOL OF COBALT IS Co."
    )
    assert styled(REVIEW, "upper").text == REVIEW.text.upper()


def test_chatter_and_politeness_hold_the_text_whole():
    for name in ("polite", "chatter-before", "chatter-after"):
        assert REVIEW.text in styled(REVIEW, name).text
    cities = load_facts("cities")[:200]
    openings = Counter(q.text.split("\n")[0] for q in restyled(cities, "chatter-before"))
    endings = Counter(q.text.split("\n")[-1] for q in restyled(cities, "chatter-after"))
    assert set(openings) == set(BEFORE) and set(endings) == set(AFTER)


def test_formal_writes_out_what_is_short_for_one_thing_only():
    after = styled(REVIEW, "formal").text
    assert "It does not move along, but I am sure they cannot have wanted" in after
    told = replace(REVIEW, text="It ain't bad; it's what they've won't and I'll.")
    assert styled(told, "formal").text.endswith("It ain't bad; it's what they have will not and I will.")


def test_the_same_questions_are_asked_in_every_style(cache):
    plain = load_questions(cache, DataSettings("numbers", 40))
    negated = load_questions(cache, DataSettings("numbers", 40, style="negated"))
    assert [(q.id, q.group, 1 - q.label) for q in negated] == [(q.id, q.group, q.label) for q in plain]
    assert fingerprint(plain) != fingerprint(negated)
    pool = load_pool(cache, DataSettings("numbers", style="negated"))
    assert {q.style for q in pool} == {PLAIN} and {q.style for q in negated} == {"negated"}


def test_open_questions_are_not_restyled(cache):
    with pytest.raises(DataError, match="open-cities asks openly"):
        load_questions(cache, DataSettings("open-cities", 10, style="upper"))


def test_a_run_in_plain_style_keeps_its_id_from_before_there_were_styles():
    made = HarvestSettings(DataSettings("numbers", 4), BUILT_IN["true-false"])
    assert made.run_id("q", "m") == "2875d21f1416"
    other = replace(made, data=replace(made.data, style="upper"))
    assert other.run_id("q", "m") != made.run_id("q", "m")
    assert HarvestSettings.from_dict(other.to_dict()) == other
    old = made.to_dict()
    del old["data"]["style"]
    assert HarvestSettings.from_dict(old) == made


def test_a_harvest_in_a_style_says_so(cache, tiny, tmp_path, capsys):
    folder = beside(cache, tmp_path)
    asked = ["harvest", "--data", "cities", "--template", "true-false", "--n", "4", "--model", str(tiny)]
    assert main([*asked, "--style", "upper", "--cache", str(folder)]) == 0
    store = RunStore(folder)
    (run,) = store.runs()
    assert run.style == "upper" and "cities, upper ·" in run.title
    assert store.answers(run.run)["text"].str.isupper().all()
    capsys.readouterr()
    assert main(["runs", "show", run.run, "--cache", str(folder)]) == 0
    assert "style: upper" in capsys.readouterr().out
    assert main([*asked, "--style", "loud", "--cache", str(folder)]) == 2
    assert "unknown style 'loud'" in capsys.readouterr().err


def fact(source: str, text: str) -> Question:
    return next(question for question in load_facts(source) if question.text == text)
