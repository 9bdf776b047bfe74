"""Few-shot by name: who demonstrates, how they are answered, and prompts that can be made again exactly."""

import pandas as pd
import pytest

from core.data.question import Question
from core.data.sources import DataSettings
from core.engine.harvest import harvest, prepare
from core.engine.plan import Arm
from core.engine.prompts import prompt_of, question_of
from core.engine.settings import HarvestSettings
from core.errors import TemplateError
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.prompts.demonstrations import DEMO_ANSWERS, draw_demonstrations, shown_answer
from core.prompts.modes import MODES
from core.prompts.templates import BUILT_IN
from core.store.runs import RunStore
from tests.conftest import beside

POOL = [Question(f"q{i}", f"t{i}", i % 2, ("No", "Yes"), "s", f"g{i}") for i in range(60)]


@pytest.fixture(scope="module")
def loaded(cache, tiny):
    return load_model(ModelSettings(str(tiny)), cache)


def run_settings(tiny, **changes):
    values = {
        "data": DataSettings("movie-reviews", n=8),
        "template": BUILT_IN["review"],
        "model": ModelSettings(str(tiny)),
        "shots": 3,
        "positions": ("prompt",),
    }
    return HarvestSettings(**(values | changes))


def test_truly_is_the_default_and_three_sets_where_there_are_shots(tiny):
    assert run_settings(tiny).demo_answers == "truth" and run_settings(tiny).demo_sets == 3
    assert run_settings(tiny, shots=0).demo_sets == 1
    assert run_settings(tiny, demo_sets=2).demo_sets == 2
    with pytest.raises(TemplateError, match="truth, mode, random"):
        run_settings(tiny, demo_answers="falsely")
    with pytest.raises(TemplateError, match="1 or more"):
        run_settings(tiny, demo_sets=-1)


@pytest.mark.parametrize("mode", MODES)
def test_each_way_answers_as_it_says(mode):
    demo = POOL[1]
    falsely = MODES[mode].expects == "falsehood"
    assert shown_answer(demo, mode, "truth") == demo.label
    assert shown_answer(demo, mode, "mode") == (1 - demo.label if falsely else demo.label)
    assert shown_answer(demo, mode, "random", 5) == shown_answer(demo, "honest", "random", 5)


def test_the_coin_is_fair_and_follows_its_seed():
    thrown = [
        [shown_answer(demo, "lie", "random", seed) == demo.label for demo in POOL] for seed in range(40)
    ]
    share = sum(map(sum, thrown)) / (40 * len(POOL))
    assert abs(share - 0.5) < 0.05
    assert thrown[0] != thrown[1]


def test_an_unknown_way_is_refused():
    with pytest.raises(TemplateError, match="not by 'both'"):
        shown_answer(POOL[0], "lie", "both")
    assert set(DEMO_ANSWERS) == {"truth", "mode", "random"}


def test_sets_of_odd_size_balance_together():
    sets = [draw_demonstrations(POOL, [], 3, seed) for seed in range(4)]
    assert [sum(q.label for q in drawn) for drawn in sets] == [1, 2, 1, 2]
    orders = {tuple(q.label for q in draw_demonstrations(POOL, [], 4, seed)) for seed in range(20)}
    assert len(orders) > 3


def test_demonstrations_and_their_near_duplicates_are_never_asked(loaded, tiny, cache, tmp_path):
    words = [f"w{i} x{i} y{i} z{i} the film and its makers" for i in range(12)]
    rows = [(text, i % 2) for i, text in enumerate(words)] + [
        (f"{text} !", i % 2) for i, text in enumerate(words)
    ]
    path = tmp_path / "pairs.csv"
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(path, index=False)
    for seed in range(5):
        data = DataSettings(str(path), n=8, seed=seed)
        plan = prepare(run_settings(tiny, data=data, demo_seed=seed, shots=2), loaded, cache).plan
        asked = {question.text.removesuffix(" !") for question in plan.questions}
        assert len(plan.demonstrations) == 3
        for demo in (demo for demos in plan.demonstrations for demo in demos):
            assert demo.text.removesuffix(" !") not in asked
            assert demo.group not in {question.group for question in plan.questions}


@pytest.mark.parametrize("answers", DEMO_ANSWERS)
def test_the_prompt_of_every_answer_is_made_again_exactly(loaded, tiny, cache, tmp_path, answers):
    store = RunStore(beside(cache, tmp_path))
    prepared = prepare(
        run_settings(tiny, demo_answers=answers, demo_seed=7, demo_sets=2), loaded, store.cache
    )
    harvest(prepared, loaded, store)
    run = store.run(prepared.run)
    assert HarvestSettings.from_dict(run.settings) == prepared.plan.settings
    rows = store.answers(run.run)
    assert len(rows) == 8 * 2 * 2
    for _, row in rows.iterrows():
        arm = Arm(row["mode"], row["wording"], row["order"], row["demo_set"])
        planned = prepared.plan.prompt(question_of(row), arm)
        assert prompt_of(run, row, loaded.tokenizer) == planned
    honest, lie = (
        prepared.plan.prompt(prepared.plan.questions[0], Arm(m, 0, 0, 0)).text for m in ("honest", "lie")
    )
    shown = [
        [line for line in text.split("\n") if "itive<" in line or "ative<" in line] for text in (honest, lie)
    ]
    if answers == "mode":
        assert shown[0] != shown[1]
    else:
        assert shown[0] == shown[1]
