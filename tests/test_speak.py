"""Scores while a model speaks: those of a plain forward pass, beside whole characters, until cancelled."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from benchmarks import speaking
from core.answers import Said
from core.charts.speech import by_token, percentile_heat_map, word_colours, word_titles, words
from core.cli import main
from core.data.chat import CHAT
from core.data.open_questions import load_open
from core.data.sources import DataSettings, load_pool, load_questions
from core.engine.decoding import Decoding
from core.engine.generate import emit_batch
from core.engine.plan import make_plan
from core.engine.settings import HarvestSettings
from core.engine.speak import MOST_TOKENS, Spoken, speak
from core.errors import Cancelled, ModelError, TelltaleError, TemplateError
from core.jobs import JOBS
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.probes.bundle import FittedProbe
from core.probes.false_alarms import first_half
from core.probes.of_run import probe_run
from core.probes.rows import ProbeSettings, default_modes
from core.prompts.chat import Prompt
from core.prompts.templates import BUILT_IN
from core.scoring.benign import GENERATED, MEAN, PROMPT, Benign, benign_scores, conversation_with
from core.scoring.speech import Speech, give_speech
from core.scoring.speech_plans import TypedPlan
from core.scoring.tokens import whole_states
from core.store.runs import RunStore
from dashboard import packages, session, work
from tests.conftest import beside

HOSTILE = "<script>alert(1)</script>"
TEXT = "A warm, funny film."


@pytest.fixture(scope="module")
def loaded(tiny, cache):
    return load_model(ModelSettings(str(tiny)), cache)


@pytest.fixture(scope="module")
def prompts(loaded):
    texts = ("Once upon a time", "Answer truly. Is the sky blue? Answer:")
    return [Prompt(text, tuple(loaded.tokenizer(text).input_ids)) for text in texts]


def probe(position="mean", target="truth", layers=4, width=32):
    rng = np.random.default_rng(1)
    return FittedProbe(
        facts={"target": target, "position": position},
        vectors=rng.normal(size=(layers, width)),
        intercepts=rng.normal(size=layers),
        layer=2,
        platt=np.array([1.0, 0.0]),
        training_scores=np.linspace(-5, 5, 50),
        training_target=np.arange(50) % 2,
        centre=np.zeros(width),
        components=np.eye(1, width),
        spread=np.ones(1),
        distances=np.array([1e3, 2e3]),
    )


def spoken(loaded, prompts, new_tokens, score=None, **options):
    """What is told of each prompt."""
    heard = [[] for _ in prompts]
    score = score or probe().scores
    speak(loaded, prompts, score, new_tokens, tell=lambda row, token: heard[row].append(token), **options)
    return heard


def test_scores_are_those_of_a_plain_forward_pass_over_the_whole_text(loaded, prompts):
    for prompt, heard in zip(prompts, spoken(loaded, prompts, 12), strict=True):
        ids = prompt.ids + tuple(token.id for token in heard[1:])
        [states] = whole_states(loaded, [ids])
        assert [token.number for token in heard] == list(range(13)) and heard[0].id == prompt.ids[-1]
        plain = probe().scores(states[len(prompt.ids) - 1 :])
        assert np.abs(plain - np.stack([token.scores for token in heard])).max() < 1e-4


def test_the_words_are_those_of_a_runs_greedy_answer(loaded, prompts):
    plain = emit_batch(loaded, [prompt.ids for prompt in prompts], Decoding(max_new_tokens=20, stop=()))
    for answer, heard in zip(plain, spoken(loaded, prompts, 20), strict=True):
        assert tuple(token.id for token in heard[1:]) == answer.content
        assert "".join(token.piece for token in heard) == answer.text != ""


def test_pieces_never_break_a_character_and_join_to_the_text(loaded, prompts, monkeypatch):
    text = "é 漢字🙂 done 🙂"
    ids = loaded.tokenizer(text, add_special_tokens=False).input_ids
    heard = _said(loaded, prompts, monkeypatch, ids, len(ids))
    pieces = [token.piece for token in heard[1:]]
    assert "".join(pieces) == text and "" in pieces and not any("\ufffd" in piece for piece in pieces)
    cut = [token.piece for token in _said(loaded, prompts, monkeypatch, ids, len(ids) - 1)[1:]]
    assert "".join(cut) == loaded.tokenizer.decode(ids[:-1]), "the last token gives what is unfinished"


def _said(loaded, prompts, monkeypatch, ids, new_tokens):
    """What is told where the model's likeliest tokens are made to be these."""
    coming = iter([*ids, ids[-1]])
    forward = loaded.model.forward

    def rigged(*arguments, **options):
        output = forward(*arguments, **options)
        output.logits[:, -1, next(coming)] = 1e9
        return output

    with monkeypatch.context() as patched:
        patched.setattr(loaded.model, "forward", rigged)
        return spoken(loaded, prompts[:1], new_tokens)[0]


def test_a_turn_that_is_ended_is_told_no_further_and_the_other_goes_on(loaded, prompts, monkeypatch):
    free = spoken(loaded, prompts, 8)
    end = free[0][4].id
    assert end not in [token.id for token in [*free[0][1:4], *free[1]]]
    monkeypatch.setattr(loaded.model.generation_config, "eos_token_id", end)
    ended, other = spoken(loaded, prompts, 8)
    assert [token.id for token in ended] == [token.id for token in free[0][:4]]
    assert [token.id for token in other] == [token.id for token in free[1]]
    assert np.allclose(other[-1].scores, free[1][-1].scores, atol=1e-4)


def test_cancelled_it_stops_at_once_and_lets_go_of_the_model(loaded, prompts):
    heard = []
    with pytest.raises(Cancelled):
        speak(
            loaded,
            prompts[:1],
            probe().scores,
            MOST_TOKENS,
            tell=lambda _, token: heard.append(token),
            cancelled=lambda: len(heard) == 3,
        )
    assert len(heard) == 3
    assert len(spoken(loaded, prompts, 2)[0]) == 3


def test_what_scores_cost_is_told_of_the_same_words(loaded, monkeypatch):
    assert len(speaking.costs(loaded, 4, 2)) == 2
    monkeypatch.setattr(speaking, "_alone", lambda _, asked, passes: (1.0, np.full((len(asked), passes), 7)))
    with pytest.raises(TelltaleError, match="other words"):
        speaking.costs(loaded, 4, 1)


@pytest.mark.parametrize("new_tokens", [0, MOST_TOKENS + 1])
def test_other_numbers_of_tokens_are_refused(loaded, prompts, new_tokens):
    with pytest.raises(TemplateError, match="choose 1 to 128"):
        spoken(loaded, prompts, new_tokens)


@pytest.fixture(scope="module")
def plan(cache, loaded):
    data = DataSettings("movie-reviews", n=20)
    settings = HarvestSettings(data, BUILT_IN["review"], decoding=Decoding(temperature=5.0))
    questions = load_questions(cache, data)
    return make_plan(settings, questions, load_pool(cache, data), loaded.tokenizer, loaded.context)


def speech_of(plan, position, **changes):
    return Speech(TypedPlan(plan, TEXT), probe(position, **changes), ("Negative", "Positive"), 6)


@pytest.mark.parametrize(
    ("position", "trained", "probable"),
    [("prompt", [0], [0]), ("mean", [1, 2, 3, 4, 5, 6], []), ("answer", [], [])],
)
def test_only_where_the_probe_was_trained_is_a_token_shown_as_such(
    loaded, plan, tmp_path, position, trained, probable
):
    speech = speech_of(plan, position)
    give_speech(speech, loaded, RunStore(tmp_path))
    for place, mode in enumerate(("honest", "lie")):
        table = speech.table(place)
        assert speech.asked[place].arm.mode == mode and set(table["mode"]) == {mode}
        assert speech.asked[place].said is None, "the tiny model names no choice"
        assert table.loc[table["trained"].astype(bool), "number"].tolist() == trained
        assert table.loc[table["probability"].notna(), "number"].tolist() == probable
        assert table["percentile"].isna().all()
        first = speech.asked[place].generated.ids
        assert tuple(token.id for token in speech.spoken[place][1 : len(first) + 1]) == first


@pytest.mark.parametrize(("position", "trained"), [("before", [1]), ("answer", [3])])
def test_where_a_choice_was_said_its_own_token_is_the_trained_one(plan, position, trained):
    speech = speech_of(plan, position)
    speech.asked.append(SimpleNamespace(generated=SimpleNamespace(said=Said(1, 1, 3))))
    speech.spoken[0].extend(Spoken(n, 9, "a" if n else "", np.full(4, float(n))) for n in range(6))
    table = speech.table(0)
    assert table["number"].tolist() == [1, 2, 3, 4, 5] and table["score"].tolist() == [1, 2, 3, 4, 5]
    assert table.loc[table["trained"], "number"].tolist() == trained
    assert table["probability"].notna().tolist() == table["trained"].tolist()


def test_another_models_probe_is_refused(loaded, plan, tmp_path):
    with pytest.raises(ModelError, match="choose a probe of this model"):
        give_speech(speech_of(plan, "mean", width=31), loaded, RunStore(tmp_path))


def benign(target="lie", prompts=300, each=10, seed=0):
    rng = np.random.default_rng(seed)
    names = np.array([f"g{n}" for n in range(prompts)])
    tokens, ends = rng.normal(size=(prompts * each, 1)), rng.normal(5, 1, (prompts, 1))
    groups = {GENERATED: names.repeat(each), PROMPT: names}
    return Benign("talk", target, (2,), {GENERATED: tokens, PROMPT: ends}, groups)


def test_a_percentile_is_among_the_same_kind_of_position():
    found = benign()
    among = found.percentile(GENERATED, 2, np.array([0.0, 99.0]))
    assert among == pytest.approx([100 * np.mean(found.at(GENERATED, 2) < 0), 100])
    assert found.percentile(PROMPT, 2, np.array([0.0, 5.0])) == pytest.approx([0, 50], abs=10)
    assert np.isnan(found.percentile(MEAN, 2, np.array([1.0]))).all() and found.count(MEAN) == 0


@pytest.mark.parametrize(("target", "sign"), [("lie", 1), ("truth", -1)])
def test_the_threshold_is_set_on_half_of_the_prompts_and_judged_on_the_others(target, sign):
    found = benign(target)
    threshold = found.threshold(2)
    groups = found.groups[GENERATED]
    sets, scores = first_half(groups), sign * found.at(GENERATED, 2)
    assert threshold.above == (sign > 0) and threshold.set_on == sets.sum() == 1500
    assert (scores[sets] > sign * threshold.value).sum() == 75
    passed = (scores[~sets] > sign * threshold.value).mean()
    assert threshold.false_alarms.share == pytest.approx(passed) and threshold.false_alarms.groups == 150
    assert f"{'above' if sign > 0 else 'below'} {threshold.value:.2f}" in threshold.sentence
    low, high = threshold.false_alarms.ci
    assert low < passed < high


def test_the_rate_can_be_chosen_and_each_kind_of_position_has_a_threshold_of_its_own():
    found = benign(prompts=1000)
    strict, loose = found.threshold(2, 0.01), found.threshold(2, 0.05)
    assert strict.value > loose.value and "set for 1% of the tokens" in strict.sentence
    ends = found.threshold(2, 0.05, PROMPT)
    assert ends.value > 5 and ends.set_on == 500 and "of the prompts of the other half" in ends.sentence
    assert found.threshold(2, 0.05, MEAN) is None


def test_tokens_of_few_prompts_set_no_threshold():
    few = benign(prompts=150, each=100).threshold(2)
    assert few.value is None and "75 negatives" in few.sentence
    assert benign("said").threshold(2) is None, "which choice is said is nothing to alarm about"


@pytest.fixture
def talked(tmp_path):
    """A store with conversation of model `m`, in modes none and lie, and with an older run of another."""
    store, rng = RunStore(tmp_path), np.random.default_rng(3)
    row = {"wording": 0, "order": 0, "demo_set": 0, "sample": 0, "generated": "", "ids": "[]", "said": None}
    row |= {"p_0": 0.0, "p_1": 0.0, "outside": 0.0, "leans": 0, "leans_calibrated": 0, "offset": 0.0}
    row |= {"spellings": "[]", "top": "[]", "prompt_tokens": 3, "outcome": "not judged", "tokens": 2}
    questions = load_open(CHAT)[:8]
    for run, content in (("other", "another"), ("talk", "m")):
        settings = {"data": {"name": CHAT}, "modes": ["none", "lie"], "samples": 1, "shots": 0}
        facts = {"model": "m", "model_content": content, "layers": 4, "d_model": 32, "choices": ["No", "Yes"]}
        store.begin(run, settings, facts, 16, questions)
        store.states(run).create(("prompt",), 16, 4, 32, 32)
        store.states(run).write("prompt", 0, rng.normal(size=(16, 4, 32)))
        store.token_states(run).create(32, 4, 32)
        store.token_states(run).write(0, list(rng.normal(size=(16, 2, 4, 32))))
        rows = [
            row | {"answer": n, "number": n % 8, "mode": "none" if n < 8 else "lie", "first_token": 2 * n}
            for n in range(16)
        ]
        store.add_answers(run, rows)
        store.finish(run)
    return store


def test_conversation_of_the_same_model_is_scored_without_what_was_told_to_lie(talked):
    wanted = probe(target="lie")
    run, frame = conversation_with(talked, "m")
    found = benign_scores(talked, run.run, frame, wanted, (2, 3))
    assert found.run == "talk" and conversation_with(talked, "a third") is None
    for layer in (2, 3):
        tokens = talked.answer_tokens("talk", layer, np.arange(8))
        scores = np.concatenate(tokens) @ wanted.vectors[layer] + wanted.intercepts[layer]
        assert found.at(GENERATED, layer) == pytest.approx(scores)
        assert found.at(MEAN, layer) == pytest.approx(scores.reshape(8, 2).mean(axis=1))
        at_prompt = talked.layer("talk", "prompt", layer, np.arange(8))
        assert found.at(PROMPT, layer) == pytest.approx(
            at_prompt @ wanted.vectors[layer] + wanted.intercepts[layer]
        )
    groups = talked.answers("talk")["group"][:8]
    assert found.groups[GENERATED].tolist() == groups.repeat(2).tolist()
    assert found.groups[PROMPT].tolist() == found.groups[MEAN].tolist() == groups.tolist()


def table(mode="honest", **changes):
    columns = {"mode": mode, "number": [0, 1, 2], "piece": ["", HOSTILE, " b\n"], "score": [1.0, -9.0, 0.5]}
    columns |= {"trained": [True, False, False], "percentile": [np.nan, 3.0, 60.0]}
    return pd.DataFrame(columns | {"probability": [0.7, np.nan, np.nan]} | changes)


def test_words_are_hatched_off_the_trained_position_and_whatever_they_hold_is_escaped():
    shown = table()
    colours, titles = word_colours(shown, 4.0), word_titles(shown, HOSTILE)
    assert ["gradient" in colour for colour in colours] == [False, True, True]
    assert ["P(" in title for title in titles] == [True, False, False]
    assert ["not trained" in title for title in titles] == [False, True, True]
    assert "above 3 % of ordinary conversation" in titles[1] and words(shown)[2] == "·b⏎"
    assert colours == word_colours(table(percentile=[np.nan] * 3), 4.0), "one token's is not known"
    strip = session.token_strip(words(shown), colours, titles)
    assert "<script" not in strip and strip.count("<span") == 3


def test_words_are_coloured_by_percentile_where_each_has_one():
    few, most = word_colours(table(score=[9.0] * 3, percentile=[1.0, 99.0, 50.0], trained=[True] * 3), 4.0)[
        :2
    ]
    assert few != most == word_colours(table(score=[-9.0] * 3, percentile=[99.0] * 3), 4.0)[0]


def test_the_line_shows_both_modes_the_probes_threshold_and_those_of_conversation():
    both = pd.concat([table(), table("lie")])
    found = benign()
    thresholds = [found.threshold(2), found.threshold(2, kind=PROMPT)]
    figure = by_token(both, ("No", HOSTILE), 2, thresholds)
    names = [trace.name for trace in figure.data]
    assert names[:2] == ["honest (n 3 tokens)", "lie (n 3 tokens)"]
    assert names[2:] == [
        f"above: 5% of the {unit} of ordinary conversation" for unit in ("tokens", "prompts")
    ]
    assert [list(trace.x) for trace in figure.data[2:]] == [[0.5, 2.3], [-0.3, 0.3]]
    assert [trace.y[0] for trace in figure.data[2:]] == [threshold.value for threshold in thresholds]
    assert [line.y0 for line in figure.layout.shapes] == [0]
    assert list(figure.data[0].marker.size) == [11, 6, 6] and list(figure.data[0].y) == [1.0, -9.0, 0.5]
    assert "<script" not in figure.to_json().replace("\\u003c", "<")
    assert len(by_token(both, ("No", "Yes"), 2, [benign(prompts=20).threshold(2)]).data) == 2


def test_a_heat_map_of_percentiles_is_blank_where_nothing_is_known():
    percentiles = pd.DataFrame([[1.0, 2.0], [np.nan, 4.0], [5.0, 6.0]], index=["a", "<b>", "c"])
    scores = np.arange(6.0).reshape(3, 2)
    heat = percentile_heat_map(percentiles, scores, [True, False, False], [False, False, True], 1).data[0]
    assert (heat.zmin, heat.zmid, heat.zmax) == (0, 50, 100)
    assert np.array_equal(np.array(heat.z, dtype=float), [[np.nan, 5], [4, 6]], equal_nan=True)
    assert heat.customdata[1].tolist() == [["&lt;b&gt;", "3.0"], ["c", "5.0"]]


@pytest.fixture
def page(cache, tiny, tmp_path, monkeypatch):
    """The part of the Generate page that asks one thing, of a run of the tiny model with a probe."""
    folder = beside(cache, tmp_path)
    monkeypatch.setenv("TELLTALE_CACHE", str(folder))
    asked = ["harvest", "--data", "movie-reviews", "--n", "60", "--model", str(tiny), "--cache", str(folder)]
    assert main(asked) == 0
    store = RunStore(folder)
    [run] = store.runs()
    train, test = default_modes(store.answers(run.run)["mode"])
    probe_run(store, run.run, ProbeSettings(train=train, test=test, permutations=0))

    def draw():
        import streamlit as st

        from dashboard import ask

        ask.show(st.session_state["settings"])

    packages.need()
    drawn = AppTest.from_function(draw, default_timeout=300)
    drawn.session_state["run"] = run.run
    drawn.session_state["settings"] = HarvestSettings.from_dict(run.settings)
    return drawn.run()


def asked_on(page, text):
    """The page when what was typed has been answered."""
    page.text_input(key="ask").set_value(text).run()
    page.number_input(key="ask_tokens").set_value(5).run()
    page.button[0].click().run()
    JOBS.get(work.SPEAKING).wait(300)
    return page.run()


def test_the_page_shows_both_answers_their_scores_and_where_they_may_be_believed(page):
    shown = asked_on(page, f"A film. {HOSTILE}")
    assert not shown.exception and not shown.error
    strips = [element.proto.body for element in shown.get("html")]
    assert len(strips) == 2 and all("gradient" in strip and "score" in strip for strip in strips)
    captions = [caption.value for caption in shown.caption]
    assert sum(caption.startswith("said: ") for caption in captions) == 2
    assert any("trained at position *prompt* alone" in caption for caption in captions)
    assert any("No run of ordinary conversation" in caption for caption in captions)
    assert len(shown.get("plotly_chart")) == 1 and HOSTILE in shown.code[0].value
    refused = asked_on(page, "word " * 600)
    assert ["the prompt for what was typed has" in error.value for error in refused.error] == [True]
