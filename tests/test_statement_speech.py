"""A typed statement in three ways, each score beside ordinary conversation's at the same kind of position."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.charts.speech import by_token, word_colours, words
from core.cli import main
from core.data.statements import Statement
from core.engine.prompts import prompt_of
from core.errors import Cancelled, DataError
from core.jobs import JOBS
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.probes.of_run import probe_run
from core.probes.rows import ProbeSettings, default_modes
from core.prompts.templates import Template
from core.scoring import benign_words
from core.scoring.asking import asking_of, own_prompt, read_prompt
from core.scoring.benign import GENERATED, MEAN, PROMPT, READ, conversation_with
from core.scoring.benign_words import benign_with_words
from core.scoring.score import score_statements
from core.scoring.speech import Speech, give_speech
from core.scoring.speech_plans import StatementPlan
from core.scoring.three_ways import three_ways
from core.scoring.tokens import token_spans, whole_states
from core.store.runs import RunStore
from dashboard import work
from tests.conftest import beside
from tests.test_speak import probe

TALK = 20
LONE = Statement("A warm, funny film.")
PAIR = Statement("It is fun <b>indeed</b>.", "Was it ![any](x) good?")
NAMES = ("Negative", "Positive")


@pytest.fixture(scope="module")
def folder(cache, tiny, tmp_path_factory):
    """Reviews and ordinary conversation, put to the tiny model, with a probe fitted to the reviews."""
    made = beside(cache, tmp_path_factory.mktemp("statements"))
    to_tiny = ["--model", str(tiny), "--cache", str(made)]
    assert main(["harvest", "--data", "chat", "--n", str(TALK), *to_tiny]) == 0
    assert main(["harvest", "--data", "movie-reviews", "--n", "60", *to_tiny]) == 0
    return made


@pytest.fixture(scope="module")
def store(folder):
    return RunStore(folder)


@pytest.fixture(scope="module")
def reviews(store):
    return next(run for run in store.runs() if run.settings["data"]["name"] == "movie-reviews")


@pytest.fixture(scope="module")
def loaded(tiny, cache):
    return load_model(ModelSettings(str(tiny)), cache)


@pytest.fixture(scope="module")
def asking(store, reviews, loaded):
    return asking_of(store, reviews.run, loaded.tokenizer)


def test_words_that_are_read_are_those_of_the_prompts_and_are_read_once(store, loaded, monkeypatch):
    wanted = probe("mean")
    found = benign_with_words(store, loaded, wanted)
    run, frame = conversation_with(store, loaded.fingerprint)
    rows = frame.to_dict("records")
    expected = []
    for row in rows:
        prompt = prompt_of(run, row, loaded.tokenizer)
        start = prompt.text.index(row["text"])
        spans = token_spans(loaded.tokenizer, prompt, special=False)
        words = [first < start + len(row["text"]) and last > start for first, last in spans]
        expected.append(wanted.scores(whole_states(loaded, [prompt.ids])[0][np.array(words)]))
    scores = np.concatenate(expected)
    assert found.count(READ) == len(scores) > 5 * TALK and set(found.groups[READ]) == set(frame["group"])
    assert np.sort(found.scores[READ], axis=0) == pytest.approx(np.sort(scores, axis=0), abs=1e-3)
    assert found.count(PROMPT) == TALK >= found.count(MEAN) and found.layers == (0, 1, 2, 3)

    def again(*_):
        raise AssertionError("the model was run again")

    monkeypatch.setattr(benign_words, "whole_states", again)
    assert np.array_equal(benign_with_words(store, loaded, wanted).scores[READ], found.scores[READ])
    other = replace(wanted, intercepts=wanted.intercepts + 1)
    with pytest.raises(Cancelled):
        benign_with_words(store, loaded, other, cancelled=lambda: True)


def test_each_token_is_compared_at_its_kind_of_position_and_each_layer_by_its_own_probe(
    store, reviews, loaded
):
    wanted = probe("prompt")
    scored = score_statements(loaded, store, reviews.run, wanted, [LONE, PAIR])
    benign = scored.benign
    kinds = {READ: 0, PROMPT: 0, GENERATED: 0}
    for entry in [*scored.read, *scored.own_turn]:
        tokens = entry.tokens
        assert [kind == "" for kind in tokens.kinds] == tokens.masked.tolist() and tokens.masked[0]
        assert np.isnan(tokens.percentiles[tokens.masked]).all()
        for place in np.flatnonzero(~tokens.masked):
            kind = tokens.kinds[place]
            kinds[kind] += 1
            for layer in range(loaded.layers):
                below = benign.at(kind, layer) < tokens.scores[place, layer]
                assert tokens.percentiles[place, layer] == pytest.approx(100 * below.mean())
    assert all(kinds.values()), kinds
    read, forced = scored.read[0], scored.own_turn[0]
    assert [kind for kind in read.tokens.kinds if kind == PROMPT] == [PROMPT]
    assert read.tokens.kinds[int(np.flatnonzero(read.tokens.trained)[0])] == PROMPT
    assert set(forced.tokens.kinds) == {"", GENERATED} and forced.probability is None
    among = 100 * np.mean(benign.at(PROMPT, 2) < read.score)
    assert read.benign_percentile == pytest.approx(among)
    assert forced.benign_percentile == pytest.approx(100 * np.mean(benign.at(MEAN, 2) < forced.score))
    made = json.loads(json.dumps(scored.to_json(), allow_nan=False))
    assert made["conversation"] == benign.run
    assert made["scores"][0]["token_percentiles"][0] == [None] * loaded.layers


def test_without_conversation_nothing_is_a_percentile_of_it(store, reviews, loaded, monkeypatch):
    monkeypatch.setattr("core.scoring.score.benign_with_words", lambda *_: None)
    scored = score_statements(loaded, store, reviews.run, probe("mean"), [LONE], modes=("lie",))
    assert scored.benign is None and scored.to_json()["conversation"] is None
    for entry in (scored.read[0], scored.own_turn[0]):
        assert entry.tokens.percentiles is None and entry.benign_percentile is None
        assert entry.to_json()["token_percentiles"] is None


def test_a_statement_is_answered_as_the_run_asks_and_a_pair_by_its_question_alone(loaded, asking):
    for plan, as_run in ((StatementPlan(asking, LONE), True), (StatementPlan(asking, PAIR), False)):
        assert plan.as_run is as_run
        for asked in plan.ask(loaded, "prompt"):
            mode = asked.arm.mode
            read = read_prompt(loaded.tokenizer, asking, plan.statement, mode)[0]
            forced, spans = own_prompt(loaded.tokenizer, asking, plan.statement, mode)
            assert (asked.prompt == read) is as_run
            assert (asked.prompt.text == forced.text[: spans[0][0]]) is not as_run
            assert asked.message in asked.prompt.text


def test_a_pair_that_states_a_claim_is_asked_about_and_what_cannot_be_asked_is_refused(loaded, asking):
    stating = Template("t", "{text} is {claim}", ("False", "True"))
    settings = replace(asking.settings, template=stating)
    claims = replace(asking, settings=settings, choices=("False", "True"), claims=NAMES)
    plan = StatementPlan(claims, Statement("Positive", "Fun."))
    assert plan.as_run and plan.ask(loaded, "prompt")[0].message == "Fun. is Positive"
    with pytest.raises(DataError, match="states a claim"):
        StatementPlan(claims, LONE).ask(loaded, "prompt")


@pytest.mark.parametrize("position", ["prompt", "mean"])
def test_what_it_says_itself_is_read_where_the_probe_was_trained_as_a_scored_statement_is(
    store, reviews, loaded, asking, position
):
    wanted = probe(position)
    scored = score_statements(loaded, store, reviews.run, wanted, [LONE])
    speech = Speech(StatementPlan(asking, LONE), wanted, NAMES, 6)
    give_speech(speech, loaded, store)
    for place, entry in enumerate(scored.read):
        found = speech.reading(place)
        assert speech.asked[place].arm.mode == entry.mode
        assert found.score == pytest.approx(entry.score, abs=1e-4)
        assert found.probability == pytest.approx(entry.probability, abs=1e-4)
        assert found.benign_percentile == pytest.approx(entry.benign_percentile)
        assert (found.distance_percentile, found.unlike_training) == (
            entry.distance_percentile,
            entry.unlike_training,
        )
        assert speech.table(place)["percentile"].notna().all()


def test_after_the_question_of_a_pair_no_probability_is_given_where_no_run_ends_so(store, loaded, asking):
    for position, trained in (("prompt", 0), ("mean", 6)):
        speech = Speech(StatementPlan(asking, PAIR), probe(position), NAMES, 6)
        give_speech(speech, loaded, store)
        table = speech.table(0)
        assert table["trained"].sum() == trained and table["probability"].isna().all()
        assert (speech.reading(0) is None) is (position == "prompt")
        assert [found.kind for found in speech.thresholds(0.05)] == [GENERATED]
        assert all("negatives" in found.sentence for found in speech.thresholds(0.05)), "too few prompts"
    as_run = Speech(StatementPlan(asking, LONE), probe("prompt"), NAMES, 1)
    give_speech(as_run, loaded, store)
    assert [found.kind for found in as_run.thresholds(0.01)] == [GENERATED, PROMPT]


def test_cancelled_before_it_speaks_there_is_nothing_to_show_and_no_mistake(store, loaded, asking):
    speech = Speech(StatementPlan(asking, LONE), probe("mean"), NAMES, 6)
    with pytest.raises(Cancelled):
        give_speech(speech, loaded, store, cancelled=lambda: True)
    tables = [speech.table(place) for place in range(2)]
    assert [len(table) for table in tables] == [0, 0] and len(speech.asked) == 2
    assert word_colours(tables[0], 4.0) == words(tables[0]) == []
    assert len(by_token(pd.concat(tables), NAMES, 2, speech.thresholds(0.05)).data) == 0


def test_the_three_ways_are_means_over_their_own_tokens(store, reviews, loaded):
    scored = score_statements(loaded, store, reviews.run, probe("prompt"), [PAIR, PAIR, LONE])
    own = [
        pd.DataFrame({"mode": mode, "number": [0, 1, 2], "score": [99.0, 1, 2], "percentile": [0.0, 10, 20]})
        for mode in ("honest", "lie")
    ]
    table = three_ways(PAIR, scored, own)
    assert table["mode"].tolist() == ["honest"] * 3 + ["lie"] * 3
    read, forced, said = table[table["mode"] == "lie"].itertuples(index=False)
    assert (said.way, said.tokens, said.score, said.percentile) == ("its own words", 2, 1.5, 15)
    entry, turn = scored.read[1].tokens, scored.own_turn[1]
    words = [kind == READ for kind in entry.kinds]
    assert (read.way, read.tokens) == ("read", sum(words))
    assert read.score == pytest.approx(entry.scores[words, 2].mean())
    assert forced.way == "forced into its own turn" and forced.score == pytest.approx(turn.score, abs=1e-4)
    assert forced.percentile == pytest.approx(np.nanmean(turn.tokens.percentiles[:, 2]))


@pytest.fixture
def page(folder, store, reviews, monkeypatch):
    """The Statements page of the tiny model's run."""
    monkeypatch.setenv("TELLTALE_CACHE", str(folder))
    train, test = default_modes(store.answers(reviews.run)["mode"])
    probe_run(store, reviews.run, ProbeSettings(train=train, test=test, permutations=0))
    view = Path(__file__).parents[1] / "dashboard" / "views" / "statements.py"
    drawn = AppTest.from_file(str(view), default_timeout=300)
    drawn.session_state["run"] = reviews.run
    return drawn.run()


def pressed(page, label, job):
    """The page when what a button starts is done."""
    next(button for button in page.button if button.label == label).click().run()
    JOBS.get(job).wait(300)
    return page.run()


def test_on_the_page_the_model_answers_what_was_typed_beside_how_it_was_scored(page):
    page.text_area[0].set_value(f"Q: {PAIR.question} | A: {PAIR.text}\n{LONE.text}").run()
    page.number_input(key="ask_tokens").set_value(5).run()
    page.selectbox(key="ask_rate").set_value(0.01).run()
    assert page.selectbox(key="own words").value == f"1 · {PAIR.question}"
    shown = pressed(page, "Let it answer", work.SPEAKING)
    assert not shown.exception and not shown.error
    strips = [element.proto.body for element in shown.get("html")]
    assert len(strips) == 2 and all("of ordinary conversation here" in strip for strip in strips)
    captions = [caption.value for caption in shown.caption]
    assert any(caption.startswith("Put as it is") for caption in captions)
    assert sum("No state at position *prompt*" in caption for caption in captions) == 2
    assert any("threshold for 1% of the tokens" in caption.replace("\\", "") for caption in captions)
    assert any(caption.startswith("**Score them** above") for caption in captions)
    assert PAIR.question in [code.value for code in shown.code]
    shown = pressed(page, "Score them", work.SCORING)
    assert not shown.exception and not shown.error
    assert len(shown.get("plotly_chart")) == 3
    overview, ways = (table.value for table in shown.dataframe)
    assert set(ways["way"]) == {"read", "forced into its own turn", "its own words"} and len(ways) == 6
    assert overview[["percentile", "distance", "forced, percentile"]].notna().all(axis=None)
    captions = [caption.value for caption in shown.caption]
    assert any("Forced and its own words follow the same prompt" in caption for caption in captions)
    assert sum("blue is above half of ordinary conversation" in caption for caption in captions) == 1
