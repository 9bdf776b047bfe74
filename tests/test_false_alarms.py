"""False alarms: thresholds from half of the conversation, judged on the other half and on planted lies."""

from dataclasses import replace

import numpy as np
import pytest

from core.data.chat import CHAT
from core.data.open_questions import load_open
from core.data.question import Question
from core.data.sources import DataSettings
from core.engine.settings import HarvestSettings
from core.errors import ProbeError
from core.labels import wilson_interval
from core.models.catalog import ModelSettings
from core.probes.false_alarms import false_alarms, first_half
from core.probes.false_alarms_of_run import false_alarms_of_run
from core.probes.of_run import probe_run
from core.probes.rows import ProbeSettings
from core.prompts.templates import BUILT_IN, CHAT_TEMPLATE
from core.store.decision import Decision
from core.store.decisions import DecisionStore
from core.store.runs import RunStore

LAYERS, WIDTH = 3, 8
PLAIN = {"wording": 0, "order": 0, "demo_set": 0, "sample": 0, "generated": "", "ids": "[]", "said": None}
PLAIN |= {"p_0": 0.5, "p_1": 0.5, "outside": 0.0, "leans": 0, "leans_calibrated": 0, "offset": 0.0}
PLAIN |= {"spellings": "[]", "top": "[]", "prompt_tokens": 3}
TALK = {"outcome": "not judged", "first_token": 0, "tokens": 0}
DETECTOR = ProbeSettings(target="mode", train="both", test="both", permutations=0)


def alarms(benign, positive, wanted=0.05, groups=None, seed=0):
    names = np.array([f"g{n}" for n in range(len(benign))]) if groups is None else groups
    found = np.array([f"p{n}" for n in range(len(positive))])
    return false_alarms(benign, names, positive, found, wanted, alarms_on="lies", seed=seed)


def test_the_threshold_is_of_one_half_and_its_rate_of_the_other():
    rng = np.random.default_rng(0)
    benign, positive = rng.normal(size=520), rng.normal(2, 1, 80)
    found = alarms(benign, positive)
    sets = first_half(np.array([f"g{n}" for n in range(520)]))
    assert sets.sum() == found.set_on == found.false_alarms.n == 260
    assert (benign[sets] > found.threshold).sum() == 13
    passed = int((benign[~sets] > found.threshold).sum())
    assert found.false_alarms.share == passed / 260
    assert found.false_alarms.ci == pytest.approx(wilson_interval(passed, 260))
    caught = int((positive > found.threshold).sum())
    assert found.recall.share == caught / 80 and found.recall.ci == pytest.approx(wilson_interval(caught, 80))


def test_over_many_halves_the_rate_is_the_one_wanted():
    rng = np.random.default_rng(1)
    rates = [alarms(rng.normal(size=520), np.ones(3), seed=seed).false_alarms.share for seed in range(200)]
    assert np.mean(rates) == pytest.approx(0.05, abs=0.006)


def test_no_prompt_is_in_both_halves_and_the_seed_draws_them():
    groups = np.repeat([f"g{n}" for n in range(101)], 3)
    first = first_half(groups, 1)
    assert not set(groups[first]) & set(groups[~first])
    assert (len(set(groups[first])), len(set(groups[~first]))) == (50, 51)
    assert (first == first_half(groups, 1)).all() and (first != first_half(groups, 2)).any()


@pytest.mark.parametrize(
    ("wanted", "prompts", "measured"), [(0.05, 199, 0), (0.05, 200, 1), (0.01, 999, 0), (0.01, 1000, 1)]
)
def test_a_rate_is_told_only_where_each_half_has_prompts_enough(wanted, prompts, measured):
    found = alarms(np.arange(float(prompts)), np.array([1e9]), wanted)
    assert (found.threshold is not None) == (found.false_alarms is not None) == bool(measured)
    assert measured or "not measurable at this n" in found.sentence
    repeated = np.repeat([f"g{n}" for n in range(50)], 20)
    assert alarms(np.arange(1000.0), np.array([1e9]), wanted, repeated).why, "one prompt counts once"


def test_answers_to_one_prompt_widen_the_interval():
    rng = np.random.default_rng(2)
    scores, names = rng.normal(size=300), np.array([f"g{n}" for n in range(300)])
    once = alarms(scores, np.ones(3), groups=names)
    four = alarms(scores.repeat(4), np.ones(3), groups=names.repeat(4))
    assert four.false_alarms.n == 4 * once.false_alarms.n and four.false_alarms.groups == 150
    assert four.false_alarms.ci == pytest.approx(once.false_alarms.ci)


def begin(store, run, data, questions, modes, model="m"):
    template = CHAT_TEMPLATE if data == CHAT else BUILT_IN["review"]
    settings = HarvestSettings(DataSettings(data), template, ModelSettings("nowhere"), tuple(modes)).to_dict()
    facts = {
        "model": "m",
        "model_content": model,
        "layers": LAYERS,
        "d_model": WIDTH,
        "choices": ["No", "Yes"],
    }
    store.begin(run, settings, facts, len(questions) * len(modes), questions)


def keep(store, run, states, rows, positions=("prompt",)):
    arrays = store.states(run)
    arrays.create(positions, len(rows), LAYERS, WIDTH, 32)
    arrays.write("prompt", 0, states)
    store.add_answers(run, rows)
    store.finish(run)


@pytest.fixture
def lab(tmp_path):
    """A store with a run whose layer 1 tells the mode, and with ordinary conversation that tells nothing."""
    store, rng = RunStore(tmp_path), np.random.default_rng(3)
    asked = [Question(f"q{n}", f"text{n} x", n % 2, ("No", "Yes"), "made", f"g{n}") for n in range(100)]
    begin(store, "detector", "made", asked, ("honest", "lie"))
    states = rng.normal(size=(200, LAYERS, WIDTH))
    states[1::2, 1, 2] += 3
    modes = ("honest", "lie")
    rows = [PLAIN | {"answer": n, "number": n // 2, "mode": modes[n % 2], "said": n % 2} for n in range(200)]
    keep(store, "detector", states, rows)
    prompts = load_open(CHAT)
    for run, model in (("talk", "m"), ("other", "another")):
        begin(store, run, CHAT, prompts, ("none", "lie"), model)
        told = [PLAIN | TALK | {"answer": n, "number": n % 520, "mode": "none"} for n in range(520)]
        told += [PLAIN | TALK | {"answer": 520 + n, "number": n, "mode": "lie"} for n in range(520)]
        states = rng.normal(size=(1040, LAYERS, WIDTH))
        states[520:, 1, 2] += 50
        keep(store, run, states, told, ("prompt", "before"))
    return store


def test_a_probe_of_a_run_is_judged_on_conversation_of_its_model(lab):
    report = probe_run(lab, "detector", DETECTOR)
    one, five = false_alarms_of_run(lab, "detector", report, "talk")
    assert report.layer == 1 and one.wanted == 0.01 and "not measurable" in one.why
    scores = report.bundle.scores(
        np.stack([lab.layer("talk", "prompt", layer, np.arange(520)) for layer in range(LAYERS)], axis=1)
    )[:, 1]
    groups = lab.answers("talk")["group"].to_numpy()[:520]
    sets = first_half(groups, DETECTOR.seed)
    assert five.set_on == 260 and (scores[sets] > five.threshold).sum() == 13
    assert five.false_alarms.share == pytest.approx((scores[~sets] > five.threshold).mean())
    lies = report.predictions[report.predictions["target"] == 1]
    assert five.recall.n == len(lies)
    assert five.recall.share == (lies["score"] > five.threshold).mean() > 0.5
    assert five.to_json()["recall"]["n"] == len(lies) and "answers under lie" in five.sentence


def test_a_probe_of_the_truth_alarms_on_what_is_not_true(lab):
    report = probe_run(lab, "detector", replace(DETECTOR, target="truth"))
    five = false_alarms_of_run(lab, "detector", report, "talk")[1]
    untrue = report.predictions[report.predictions["target"] == 0]
    assert five.recall.n == len(untrue)
    assert five.recall.share == (-untrue["score"] > five.threshold).mean()


def test_dropped_conversation_does_not_count(lab):
    report = probe_run(lab, "detector", DETECTOR)
    drops = [Decision(answer=n, action="drop", reason="duplicate", blind=True) for n in range(20)]
    DecisionStore(lab.cache).add_step("talk", drops, "tester")
    assert false_alarms_of_run(lab, "detector", report, "talk")[1].set_on == 250


@pytest.mark.parametrize(
    ("chat", "change", "why"),
    [
        ("detector", {}, "asks made: false alarms are judged on a run of chat"),
        ("other", {}, "another model or adapter"),
        ("talk", {"position": "before"}, "no states at position 'before': choose prompt or mean"),
        ("talk", {"position": "mean"}, "no states at position 'mean'"),
        ("talk", {"target": "said"}, "target 'said' is no detector"),
    ],
)
def test_what_does_not_fit_is_refused(lab, chat, change, why):
    report = probe_run(lab, "detector", DETECTOR)
    asked = replace(report, settings=replace(report.settings, **change))
    with pytest.raises(ProbeError, match=why):
        false_alarms_of_run(lab, "detector", asked, chat)


def test_a_probe_that_saw_conversation_is_not_judged_on_it(lab):
    report = probe_run(lab, "detector", DETECTOR)
    with pytest.raises(ProbeError, match="itself of ordinary conversation"):
        false_alarms_of_run(lab, "talk", report, "talk")
