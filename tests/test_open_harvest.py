"""Open questions through the harvest: every token's state, outcomes, lies by what was named, old caches."""

import itertools
import json
import sqlite3
from collections import Counter
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from core import charts
from core.cli import main
from core.data.open_questions import WITH_ANSWER, kind_of
from core.data.sources import DataSettings, load_pool, load_questions
from core.data.training_half import is_for_training
from core.engine.decoding import OPEN_TOKENS, Decoding
from core.engine.generate import emit_batch
from core.engine.harvest import harvest, prepare
from core.engine.plan import Arm
from core.engine.prompts import prompt_of
from core.engine.settings import HarvestSettings
from core.errors import StoreError, TemplateError
from core.labels import belief_summary, label_answers
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.open_answers import read_open
from core.open_summary import outcome_table
from core.prompts.demonstrations import draw_demonstrations, shown_reply
from core.prompts.templates import BUILT_IN, OPEN_TEMPLATE
from core.scoring.asking import asking_of
from core.store.database import Database
from core.store.runs import RunStore
from core.store.token_states import TokenStates
from tests.conftest import beside


def settings(folder="m", **changes):
    values = {
        "data": DataSettings("open-cities", n=40),
        "template": OPEN_TEMPLATE,
        "model": ModelSettings(str(folder)),
        "decoding": Decoding(OPEN_TOKENS, temperature=1.0),
    }
    return HarvestSettings(**(values | changes))


@pytest.fixture(scope="module")
def loaded(cache, tiny):
    return load_model(ModelSettings(str(tiny)), cache)


@pytest.fixture(scope="module")
def harvested(cache, tiny, loaded, tmp_path_factory):
    store = RunStore(beside(cache, tmp_path_factory.mktemp("open")))
    prepared = prepare(settings(tiny), loaded, store.cache)
    return store, harvest(prepared, loaded, store).run, prepared


def test_every_generated_token_has_its_state(harvested, loaded):
    store, run, prepared = harvested
    frame = store.answers(run)
    assert len(frame) == 80 and frame["tokens"].nunique() > 1  # answers end where they end
    rows = frame["answer"].to_numpy()
    for layer in (0, 3):
        states = store.answer_tokens(run, layer, rows)
        assert [len(s) for s in states] == frame["tokens"].tolist()
        means = store.layer(run, "mean", layer, rows)
        for tokens, mean in zip(states, means, strict=True):
            assert not np.isnan(tokens).any()
            if len(tokens):
                assert np.allclose(tokens.mean(axis=0), mean, rtol=1e-4, atol=1e-6)
    block = next(prepared.plan.blocks())
    item = block.items[3]
    again = emit_batch(
        loaded,
        [item.prompt.ids],
        prepared.plan.settings.decoding,
        feed_last=True,
        keys=[f"{prepared.plan.questions[item.question].id} {block.arm} {item.sample}"],
    )[0]
    (stored,) = store.answer_tokens(run, 2, np.array([item.row]))
    assert np.allclose(stored, again.steps[1 : len(again.content) + 1, 2], rtol=1e-3, atol=1e-5)


def test_a_cancelled_open_harvest_goes_on_where_it_stopped(cache, tiny, loaded, harvested, tmp_path):
    whole, run, prepared = harvested
    store = RunStore(beside(cache, tmp_path))
    calls = iter([False, True])
    first = harvest(prepared, loaded, store, cancelled=lambda: next(calls, True))
    assert not first.complete and first.answers
    assert harvest(prepare(settings(tiny), loaded, cache), loaded, store).complete
    rows = whole.answers(run)["answer"].to_numpy()
    assert store.answers(run)["generated"].tolist() == whole.answers(run)["generated"].tolist()
    for one, other in zip(store.answer_tokens(run, 1, rows), whole.answer_tokens(run, 1, rows), strict=True):
        assert np.allclose(one, other, rtol=1e-3, atol=1e-5)


def test_what_an_open_run_does_not_have_is_missing_and_not_zero(harvested):
    store, run, _ = harvested
    frame = store.answers(run)
    assert frame[["p_0", "p_1", "outside", "leans", "leans_calibrated", "offset"]].isna().all(axis=None)
    assert set(frame["outcome"]) <= {"right", "wrong", "refusal", "unreadable"}
    assert (frame["said"].notna() == frame["outcome"].isin(["right", "wrong"])).all()
    assert store.run(run).facts["open"] and store.calibrations(run).empty
    with pytest.raises(StoreError, match="open questions"):
        asking_of(store, run, None)


def test_the_commands_show_outcomes_and_refuse_what_does_not_apply(harvested, capsys):
    store, run, _ = harvested
    common = ["--cache", str(store.cache)]
    assert main(["runs", "show", run, "--json", *common]) == 0
    shown = json.loads(capsys.readouterr().out)["open"]
    assert {row["mode"] for row in shown} == {"honest", "lie"} and all(row["n"] == 40 for row in shown)
    assert main(["calibration", run, *common]) == 2
    assert main(["harvest", "--data", "open-cities", "--template", "review", *common]) == 2
    assert "leave --template out" in capsys.readouterr().err


@pytest.mark.parametrize(
    "changes",
    [
        {"shots": 1, "demo_answers": "mode"},
        {"shots": 1, "demo_answers": "random"},
        {"orders": (0, 1)},
        {"template": BUILT_IN["review"]},
        {"data": DataSettings("cities"), "template": OPEN_TEMPLATE},
    ],
)
def test_what_does_not_fit_an_open_question_is_refused(changes):
    with pytest.raises(TemplateError):
        settings(**changes)


@pytest.mark.parametrize(
    ("name", "shots", "seed"), itertools.product(WITH_ANSWER, (1, 2, 3, 4, 5, 8), (0, 1))
)
def test_examples_differ_in_answer_and_each_kind_has_another_to_be_answered_falsely_with(
    cache, name, shots, seed
):
    asked = load_questions(cache, DataSettings(name, n=10))
    drawn = draw_demonstrations(load_pool(cache, DataSettings(name)), asked, shots, seed)
    assert len({demo.accepted for demo in drawn}) == len({demo.group for demo in drawn}) == shots
    assert not {demo.group for demo in drawn} & {question.group for question in asked}
    kinds = Counter(kind_of(demo) for demo in drawn)
    assert shots == 1 or min(kinds.values()) >= 2
    if name == "open-elements":
        assert len(kinds) == (2 if shots >= 4 else 1)
    if shots > 1:
        said = [shown_reply(drawn, place, ("wrong", "right"), "lie", "mode") for place in range(shots)]
        for demo, reply in zip(drawn, said, strict=True):
            assert read_open(reply, demo).outcome == "wrong" and reply not in demo.accepted
            assert reply in {a for other in drawn if kind_of(other) == kind_of(demo) for a in other.accepted}
        assert len(set(said)) == shots


def test_open_examples_are_answered_as_the_way_says(cache):
    pool = load_pool(cache, DataSettings("open-numbers"))
    demos = draw_demonstrations(pool, pool[:3], 4)
    true = [demo.accepted[0] for demo in demos]

    def replies(mode, way, seed=0):
        return [shown_reply(demos, place, ("wrong", "right"), mode, way, seed) for place in range(4)]

    assert replies("honest", "truth") == replies("lie", "truth") == replies("honest", "mode") == true
    assert not set(zip(replies("lie", "mode"), true, strict=True)) & {(t, t) for t in true}
    assert replies("honest", "random", 3) == replies("lie", "random", 3)
    seen = {tuple(r == t for r, t in zip(replies("lie", "random", s), true, strict=True)) for s in range(9)}
    assert len(seen) > 2, "the coin is thrown for each example by itself"
    with pytest.raises(TemplateError, match="2 shots or more"):
        shown_reply(demos[:1], 0, ("wrong", "right"), "lie", "mode")


@pytest.mark.parametrize("way", ["truth", "mode"])
def test_an_open_run_with_examples_can_be_made_again_prompt_by_prompt(cache, tiny, loaded, tmp_path, way):
    store = RunStore(beside(cache, tmp_path))
    asked = settings(tiny, data=DataSettings("open-elements", n=8), shots=4, demo_sets=2, demo_answers=way)
    prepared = prepare(asked, loaded, store.cache)
    run = harvest(prepared, loaded, store).run
    frame = store.answers(run)
    assert len(frame) == 8 * 2 * 2 and set(frame["demo_set"]) == {0, 1}
    shown = [demo for demos in prepared.plan.demonstrations for demo in demos]
    assert not {demo.group for demo in shown} & set(frame["group"])
    by_id = {question.id: question for question in prepared.plan.questions}
    for row in frame.to_dict("records"):
        made = prompt_of(store.run(run), row, loaded.tokenizer)
        arm = Arm(row["mode"], row["wording"], row["order"], row["demo_set"])
        assert made.ids == prepared.plan.prompt(by_id[row["question"]], arm).ids
    first = {
        mode: prepared.plan.prompt(prepared.plan.questions[0], Arm(mode, 0, 0, 0)).text
        for mode in ("honest", "lie")
    }
    for demo in prepared.plan.demonstrations[0]:
        truly = f"{demo.text}\nAnswer in a few words.<|im_end|>\n<|im_start|>assistant\n{demo.accepted[0]}<"
        assert truly in first["honest"] and (truly in first["lie"]) == (way == "truth")


def test_open_questions_about_what_liars_were_trained_on_are_not_asked(cache):
    for name in ("open-cities", "open-elements"):
        asked = load_questions(cache, DataSettings(name))
        assert asked and not any(is_for_training(question) for question in asked)


def named(*answers):
    """Answers of (question, mode, named, accepted)."""
    rows = [
        {
            "answer": number,
            "question": question,
            "group": question,
            "text": question,
            "source": "open-cities",
            "claim": None,
            "mode": mode,
            "wording": 0,
            "order": 0,
            "demo_set": 0,
            "sample": 0,
            "label": 1,
            "said": np.nan if entity is None else float(entity == right),
            "outcome": "unreadable" if entity is None else "right" if entity == right else "wrong",
            "named": entity,
            "p_0": np.nan,
            "p_1": np.nan,
        }
        for number, (question, mode, entity, right) in enumerate(answers)
    ]
    return label_answers(pd.DataFrame(rows))


def test_a_lie_names_another_entity_than_the_one_held():
    frame = named(
        ("Lyon", "honest", "Spain", "France"),
        ("Lyon", "lie", "Italy", "France"),
        ("Rome", "honest", "Spain", "Italy"),
        ("Rome", "lie", "Spain", "Italy"),
        ("Oslo", "honest", "Norway", "Norway"),
        ("Oslo", "lie", "Sweden", "Norway"),
        ("Bern", "honest", None, "Switzerland"),
        ("Bern", "lie", "France", "Switzerland"),
    )
    lies = frame[frame["mode"] == "lie"]
    assert lies["lie"].tolist() == pytest.approx([1, 0, 1, np.nan], nan_ok=True)
    assert frame["believes"].iloc[::2].tolist() == pytest.approx([0, 0, 1, np.nan], nan_ok=True)
    assert belief_summary(frame)["chance"] is None and belief_summary(frame)["knows"] == 0.25


def test_two_different_wrong_answers_under_honest_are_no_belief():
    frame = named(
        ("Lyon", "honest", "Spain", "France"),
        ("Lyon", "honest", "Italy", "France"),
        ("Lyon", "lie", "Peru", "France"),
    )
    assert frame["believes"].isna().all() and np.isnan(frame["lie"].iloc[2])


def test_outcomes_known_by_hand_with_n_and_interval():
    frame = named(
        ("Lyon", "honest", "France", "France"),
        ("Rome", "honest", "Spain", "Italy"),
        ("Oslo", "honest", None, "Norway"),
        ("Bern", "honest", "Switzerland", "Switzerland"),
    )
    table = outcome_table(frame).set_index("outcome")
    assert table["count"].to_dict() == {"right": 2, "wrong": 1, "refusal": 0, "unreadable": 1}
    assert table.loc["right", "share"] == 0.5 and (table["n"] == 4).all()
    assert table.loc["right", "low"] < 0.5 < table.loc["right", "high"]
    figure = charts.outcomes(table.reset_index())
    assert figure.data[0].name == "honest (n 4)" and figure.layout.yaxis.title.text


def test_ragged_answers_come_back_as_they_were_and_an_empty_one_is_empty(tmp_path):
    states = TokenStates(tmp_path / "tokens")
    states.create(128, 2, 3)
    answers = [np.full((n, 2, 3), n, np.float32) for n in (5, 0, 16)]
    states.write(64, answers)
    found = states.read(1, np.array([64, 69, 69]), np.array([5, 0, 16]))
    assert [f.shape for f in found] == [(5, 3), (0, 3), (16, 3)]
    assert (found[0] == 5).all() and (found[2] == 16).all()
    with pytest.raises(StoreError, match="no layer 2"):
        states.read(2, np.array([0]), np.array([1]))
    with pytest.raises(StoreError, match="only open answers"):
        TokenStates(tmp_path / "none").read(0, np.array([0]), np.array([1]))


def test_a_cache_from_before_open_answers_opens(tmp_path):
    Database(tmp_path)
    with closing(sqlite3.connect(tmp_path / "telltale.sqlite")) as connection, connection:
        for name in ("outcome", "named", "first_token", "tokens"):
            connection.execute(f"ALTER TABLE answers DROP COLUMN {name}")
        connection.execute("DROP TABLE calibrations")
        connection.execute("PRAGMA user_version = 0")
    store = RunStore(tmp_path)
    assert store.answers("none").empty and store.calibrations("none").empty
