"""Best of n: what is chosen, what choosing does to a rate, and that what is chosen never tests."""

import json

import numpy as np
import pandas as pd
import pytest

from core.best_of import best_of, best_of_summary
from core.cli import main
from core.data.sources import DataSettings
from core.engine.decoding import Decoding
from core.engine.harvest import harvest, prepare
from core.engine.settings import HarvestSettings
from core.errors import ProbeError, TemplateError
from core.labels import label_answers
from core.labels_of_run import labelled
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.probes.of_run import probe_run
from core.probes.rows import ProbeSettings, choose_rows, with_target
from core.prompts.templates import BUILT_IN
from core.store.decision import Decision
from core.store.runs import RunStore
from tests.conftest import beside


def answers(lies, honest=1.0, label=1, groups=None):
    """One question a row of `lies`: under lie one sample a value (1 untrue, 0 true, NaN unreadable)."""
    rows = []
    for question, said_untrue in enumerate(lies):
        common = {
            "question": f"q{question}",
            "group": (groups or {}).get(question, f"g{question}"),
            "text": f"word{question} thing",
            "source": "made",
            "claim": None,
            "wording": 0,
            "order": 0,
            "demo_set": 0,
            "label": label if np.isscalar(label) else label[question],
            "p_0": 0.5,
            "p_1": 0.5,
        }
        truth = common["label"]
        if honest is not None:
            said = truth if honest == 1.0 else np.nan
            rows.append(common | {"mode": "honest", "sample": 0, "said": said})
        for sample, untrue in enumerate(said_untrue):
            said = np.nan if np.isnan(untrue) else float(1 - truth if untrue else truth)
            rows.append(common | {"mode": "lie", "sample": sample, "said": said})
    return pd.DataFrame(rows).assign(answer=range(len(rows)))


def chosen(frame):
    made = best_of(frame)
    return [tuple(pair) for pair in made[made["selected"]][["question", "sample"]].to_numpy()]


NAN = np.nan


def test_the_first_lie_after_sample_0_is_chosen():
    frame = label_answers(answers([[1, 0, 1, 1], [0, 0, 0, 0], [1, NAN, 0, 1], [1, 0, 0, 0]]))
    assert chosen(frame) == [("q0", 2), ("q2", 3)]


def test_rates_known_by_hand():
    frame = best_of(label_answers(answers([[1, 0, 1, 1], [0, 0, 0, 0], [1, NAN, 0, 1], [1, 0, 0, 0]])))
    found = best_of_summary(frame)
    assert (found.samples, found.qualified, found.against, found.unsure) == (4, 6, "belief", 0)
    assert (found.before.share, found.before.n) == (6 / 16, 16)
    assert (found.after.share, found.after.n) == (0.5, 4)
    assert found.before.ci[0] < 6 / 16 < found.before.ci[1]
    assert found.after.ci[0] < 0.5 < found.after.ci[1]
    assert "38%" in found.sentence() and "50%" in found.sentence() and "n 16" in found.sentence()


def test_the_interval_before_choosing_knows_that_samples_of_a_question_hang_together():
    frame = best_of(label_answers(answers([[1] * 8, [0] * 8] * 10)))
    low, high = best_of_summary(frame).before.ci
    assert high - low > 0.35  # 20 questions; of 160 independent answers it would be 0.15


def test_an_error_is_no_lie_and_an_unsure_belief_cannot_be_contradicted():
    frame = answers([[0, 1, 1], [1, 1, 1]])
    wrong = (frame["mode"] == "honest") & (frame["question"] == "q0")
    frame.loc[wrong, "said"] = 0.0  # it believes the untrue, so that saying it is no lie
    unreadable = (frame["mode"] == "honest") & (frame["question"] == "q1")
    frame.loc[unreadable, "said"] = NAN
    made = best_of(label_answers(frame))
    assert chosen(made) == []
    found = best_of_summary(made)
    assert (found.unsure, found.after.n, found.before.n, found.qualified) == (1, 1, 3, 1)


def test_without_honest_answers_the_truth_is_what_is_contradicted():
    made = best_of(label_answers(answers([[0, 0, 1]], honest=None)))
    assert chosen(made) == [("q0", 2)]
    assert best_of_summary(made).against == "truth"


def test_a_dropped_answer_is_not_chosen():
    frame = answers([[0, 1, 1]])
    dropped = int(frame[frame["sample"] == 1]["answer"].iloc[0])
    made = label_answers(frame, {dropped: Decision(dropped, "drop", "other")})
    assert chosen(made) == [("q0", 2)]


def test_each_wording_has_a_choice_of_its_own():
    frame = answers([[0, 0, 1]])
    twice = pd.concat([frame, frame.assign(wording=1)], ignore_index=True).assign(answer=range(8))
    assert best_of(label_answers(twice))["selected"].sum() == 2


def test_one_sample_is_nothing_to_choose_from():
    frame = best_of(label_answers(answers([[1], [0]])))
    assert not frame["selected"].any()
    assert best_of_summary(frame) is None


def drawn(n=60, samples=5, seed=0):
    generator = np.random.default_rng(seed)
    lies = (generator.random((n, samples)) < 0.5).astype(float)
    return best_of(label_answers(answers(lies.tolist(), label=[number % 2 for number in range(n)])))


def parts(frame, **changes):
    settings = ProbeSettings(**({"position": "answer", "train": "both", "test": "lie"} | changes))
    frame = with_target(frame, settings.target)
    return frame, choose_rows(frame, settings)


@pytest.mark.parametrize("target", ["truth", "said", "said_true", "lie"])
def test_what_is_chosen_trains_and_never_tests(target):
    frame, rows = parts(drawn(), target=target)
    assert not frame["selected"].to_numpy()[rows.test].any()
    for part in rows.validation.values():
        assert not frame["selected"].to_numpy()[part].any()
    trained = frame.iloc[rows.train]
    assert trained[trained["mode"] == "lie"]["selected"].all()
    assert not trained[["question", "mode"]].duplicated().any()


def test_the_test_set_lies_as_often_as_the_model_does():
    lies = []
    for seed in range(20):
        frame, rows = parts(drawn(seed=seed), target="said_true")
        tested = frame.iloc[rows.test]
        assert (tested["sample"] == 0).all()
        lies.append(tested["lie"].mean())
    assert np.mean(lies) == pytest.approx(0.5, abs=0.08)  # 20 × 18 answers, each a lie with 0.5


@pytest.mark.parametrize("target", ["said", "said_true", "lie"])
def test_what_was_sampled_after_the_prompt_is_refused_there(target):
    with pytest.raises(ProbeError, match="several sampled answers"):
        parts(drawn(), target=target, position="prompt")
    one = drawn()[lambda frame: frame["sample"] == 0].reset_index(drop=True)
    with pytest.raises(ProbeError, match="several sampled answers"):
        choose_rows(
            with_target(one, target), ProbeSettings(target=target), with_target(drawn(seed=1), target)
        )


@pytest.mark.parametrize("target", ["truth", "mode"])
def test_what_is_settled_before_sampling_is_read_at_the_prompt(target):
    _, rows = parts(drawn(), target=target, position="prompt", test="both")
    assert len(rows.test)


def settings(folder, **changes):
    values = {
        "data": DataSettings("movie-reviews", n=24),
        "template": BUILT_IN["review"],
        "model": ModelSettings(str(folder)),
        "decoding": Decoding(2, temperature=1.0),
        "samples": 4,
        "samples_modes": ("lie",),
        "positions": ("prompt", "mean"),
    }
    return HarvestSettings(**(values | changes))


def test_samples_in_a_mode_that_is_not_asked_are_refused(tiny):
    with pytest.raises(TemplateError, match="'flip'"):
        settings(tiny, samples_modes=("flip",))


def test_what_means_the_same_finds_the_same_run(tiny):
    plain = settings(tiny, samples_modes=())
    assert settings(tiny, samples_modes=("lie", "honest")).run_id("q", "m") == plain.run_id("q", "m")
    assert settings(tiny).run_id("q", "m") != plain.run_id("q", "m")
    old = plain.to_dict()
    del old["samples_modes"]
    assert HarvestSettings.from_dict(old) == plain


@pytest.fixture(scope="module")
def sampled(cache, tiny, tmp_path_factory):
    """A run of four samples in lie mode and one under honest."""
    folder = beside(cache, tmp_path_factory.mktemp("sampled"))
    loaded = load_model(ModelSettings(str(tiny)), folder)
    store = RunStore(folder)
    made = harvest(prepare(settings(tiny), loaded, folder), loaded, store)
    return store, made.run


def test_lie_mode_is_sampled_and_honest_asked_once_each_with_its_states(sampled):
    store, run = sampled
    frame = store.answers(run)
    counts = frame.groupby(["mode", "question"]).size()
    assert set(counts["lie"]) == {4} and set(counts["honest"]) == {1}
    assert store.run(run).state == "complete" and len(frame) == 24 * 5
    lie = frame[(frame["mode"] == "lie") & (frame["question"] == frame["question"].iloc[0])]
    prompts = store.layer(run, "prompt", 2, lie["answer"].to_numpy())
    assert np.allclose(prompts, prompts[0], rtol=1e-4, atol=1e-6) and not np.isnan(prompts).any()
    means = store.layer(run, "mean", 2, lie["answer"].to_numpy())
    assert lie["generated"].nunique() > 1 and not np.allclose(means, means[0])


def test_the_choice_is_in_the_export_and_beside_the_rates(sampled, tmp_path, capsys):
    store, run = sampled
    assert main(["export", run, "--file", str(tmp_path / "a.csv"), "--cache", str(store.cache)]) == 0
    written = pd.read_csv(tmp_path / "a.csv")
    assert written["selected"].tolist() == labelled(store, run)["selected"].tolist()
    capsys.readouterr()
    assert main(["runs", "show", run, "--json", "--cache", str(store.cache)]) == 0
    found = json.loads(capsys.readouterr().out)["best_of"]
    assert found["samples"] == 4 and set(found) >= {"qualified", "before", "after"}


def test_a_probe_of_the_answer_at_the_prompt_of_a_sampled_run_is_refused(sampled):
    store, run = sampled
    with pytest.raises(ProbeError, match="several sampled answers"):
        probe_run(store, run, ProbeSettings(target="said"))
