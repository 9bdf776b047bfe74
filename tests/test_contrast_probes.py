"""Methods of contrast pairs on stored runs: planted truth is found, a distractor misleads, gaps are named."""

import json

import numpy as np
import pytest

from core.cli import main
from core.errors import ProbeError
from core.labels_of_run import labelled
from core.probes.contrast import CONTRAST_SIGN
from core.probes.contrast_of_run import contrast_pairs, missing_for, over_wordings
from core.probes.controls_of_run import controls_of_run
from core.probes.cross_validated_of_run import cross_validated_run
from core.probes.crossed_rows import CrossedSettings
from core.probes.methods import CONTRAST_METHODS, method_named
from core.probes.of_run import probe_run, with_states
from core.probes.rows import ProbeSettings
from core.probes.saved import SavedProbes, with_origin
from core.probes.transfer import transfer
from core.store.decision import Decision
from core.store.decisions import DecisionStore
from core.store.runs import RunStore
from core.store.states import CONTINUATIONS
from tests.conftest import beside
from tests.contrast_runs import DISTRACTOR, LAYERS, TRUTH, D, made_run

QUICK = ProbeSettings("crc", permutations=0)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = RunStore(tmp_path_factory.mktemp("contrast"))
    made_run(store, "pairs")
    made_run(store, "other", n=60, seed=1)
    made_run(store, "misled", distractor=5.0)
    made_run(store, "worded", n=80, wordings=(0, 1, 2))
    made_run(store, "four", n=40, wordings=(0, 1, 2, 3), seed=1)
    made_run(store, "plain", n=40, contrast=False)
    return store


@pytest.mark.parametrize("method", ["ccs", "crc"])
def test_the_truth_in_contrast_pairs_is_found_on_questions_that_nobody_saw(store, method):
    report = probe_run(store, "pairs", ProbeSettings(method, permutations=40))
    assert report.settings.position == "contrast" and report.layer == 2
    assert report.chosen.test.auroc > 0.95 and report.chosen.test.n == 36
    assert report.layers[0].test.auroc == 0.5  # the embedding of a choice says nothing
    null = report.controls["permuted"]
    assert 0.35 < np.mean(null.aurocs) < 0.65 and null.p_value == pytest.approx(1 / 41)
    assert report.pooled.area.auroc > 0.95 and report.pooled.area.n == 72
    assert report.to_json("pairs")["sign"] == CONTRAST_SIGN
    sides = report.bundle.vectors[2].reshape(2, D)
    apart = sides[1] - sides[0]
    assert apart @ TRUTH / np.linalg.norm(apart) > 0.9
    found = cross_validated_run(store, "pairs", ProbeSettings(method), sealed=True)
    assert found.area.auroc > 0.95 and set(found.layers) == {2}


@pytest.mark.parametrize("method", ["ccs", "crc"])
def test_a_more_prominent_distractor_is_followed_in_place_of_the_truth(store, method):
    report = probe_run(store, "misled", ProbeSettings(method, permutations=0))
    sides = report.bundle.vectors[2].reshape(2, D)
    apart = (sides[1] - sides[0]) / np.linalg.norm(sides[1] - sides[0])
    assert abs(apart @ DISTRACTOR) > 0.8 and abs(apart @ TRUTH) < 0.3
    assert report.layers[2].test.auroc < 0.75


def test_wordings_of_a_question_are_one_row(store):
    report = probe_run(store, "worded", ProbeSettings("vinc", permutations=10))
    assert report.layer == 2 and report.chosen.test.auroc > 0.95
    assert report.n_train + report.n_validation // 2 + report.chosen.test.n == 80
    assert report.bundle.vectors.shape == (LAYERS, 3 * 2 * D)
    assert len(report.controls["permuted"].aurocs) == 10
    assert cross_validated_run(store, "worded", ProbeSettings("vinc")).area.n == 80


def test_pairs_are_read_as_they_were_written(store):
    frame = labelled(store, "worded")
    record = store.run("worded")
    kept, pairs = contrast_pairs(store, record, frame, "crc")
    rows = kept["answer"].to_numpy()
    assert pairs(2).shape == (len(frame), 2, D)
    for side, name in enumerate(CONTINUATIONS):
        assert np.array_equal(pairs(2)[:, side], store.layer("worded", name, 2, rows))
    kept, over = contrast_pairs(store, record, frame, "vinc")
    assert over(1).shape == (160, 3, 2, D)
    for wording in (0, 1, 2):
        mine = kept[["question", "mode"]].merge(frame[frame["wording"] == wording], on=["question", "mode"])
        expected = store.layer("worded", "choice_1", 1, mine["answer"].to_numpy())
        assert np.array_equal(over(1)[:, wording, 1], expected)


def test_over_wordings_the_output_is_a_mean_and_what_lacks_one_is_left_out(store):
    frame = labelled(store, "worded")
    gone = frame[(frame["question"] == "worded-3") & (frame["mode"] == "lie") & (frame["wording"] == 1)]
    frame.loc[(frame["question"] == "worded-5") & (frame["wording"] == 2), "dropped"] = True
    made, answers = over_wordings(frame.drop(gone.index), [0, 1, 2])
    assert len(made) == 159 and answers.shape == (159, 3)
    assert made["p_0"].to_numpy() == pytest.approx(np.full(159, 0.3)) and (made["wording"] == 0).all()
    assert set(made["question"][made["dropped"]]) == {"worded-5"}
    assert not ((made["question"] == "worded-3") & (made["mode"] == "lie")).any()


def test_of_several_samples_the_first_stands_for_the_prompt(tmp_path):
    store = RunStore(tmp_path)
    made_run(store, "sampled", n=20, samples=3)
    frame, pairs = contrast_pairs(store, store.run("sampled"), labelled(store, "sampled"), "ccs")
    assert (frame["sample"] == 0).all() and len(frame) == len(pairs(0)) == 40


def test_the_controls_are_of_the_answers_that_stand_for_the_pairs(tmp_path):
    store = RunStore(tmp_path)
    made_run(store, "r", n=40, wordings=(0, 1, 2))
    settings = ProbeSettings("vinc", permutations=0)
    before = controls_of_run(store, "r", settings)
    report = probe_run(store, "r", settings)
    after = controls_of_run(store, "r", settings)
    assert before.controls["output"].n == after.controls["output"].n == report.chosen.test.n
    assert before.controls["output"].auroc == after.controls["output"].auroc


def test_what_was_dropped_trains_and_judges_no_more(tmp_path):
    store = RunStore(tmp_path)
    made_run(store, "r", n=60)
    before = probe_run(store, "r", QUICK)
    tested = before.predictions["answer"].tolist()
    dropped = [Decision(answer, "drop", "other") for answer in tested[:2]]
    DecisionStore(store.cache).add_step("r", dropped, "me")
    after = probe_run(store, "r", QUICK)
    assert after.predictions["answer"].tolist() == tested[2:] and after.n_dropped == 2


def test_another_run_of_the_model_may_judge_it(store):
    report = probe_run(store, "pairs", QUICK, test_run="other")
    assert report.chosen.test.n == 60 and report.chosen.test.auroc > 0.95
    cells = transfer(store, ["pairs", "other"], QUICK, ["lie"])
    assert all(cell.area.auroc > 0.9 for cell in cells)
    with pytest.raises(ProbeError, match="run worded asks in 3 wordings and run four in 4"):
        probe_run(store, "worded", ProbeSettings("vinc", permutations=0), test_run="four")
    with pytest.raises(ProbeError, match="run plain keeps no contrast pairs"):
        probe_run(store, "pairs", QUICK, test_run="plain")


@pytest.mark.parametrize("method", CONTRAST_METHODS)
def test_a_run_without_pairs_says_how_to_get_them(store, method):
    settings = ProbeSettings(method, permutations=0)
    for judge in (probe_run, cross_validated_run):
        with pytest.raises(ProbeError, match=r"keeps no contrast pairs, .* harvest again with --contrast"):
            judge(store, "plain", settings)
    assert "--contrast" in missing_for(store, store.run("plain"), method)
    assert missing_for(store, store.run("worded"), method) is None


def test_fewer_wordings_than_a_method_needs_are_refused(store):
    with pytest.raises(ProbeError, match="run pairs asks in 1 wording, and method 'vinc' needs 3 or more"):
        probe_run(store, "pairs", ProbeSettings("vinc", permutations=0))


def test_what_reads_single_states_refuses_pairs(store, capsys):
    with pytest.raises(ProbeError, match="the cells of a grid are judged on one state"):
        CrossedSettings(methods=("logistic", "ccs"))
    with pytest.raises(ProbeError, match="choose a method that reads one state"):
        with_states(store, "pairs", "contrast")
    probe = with_origin(probe_run(store, "pairs", QUICK), store.run("pairs"), store.run("pairs"))
    with pytest.raises(ProbeError, match="cannot be kept: it reads a question continued with both"):
        SavedProbes(store.cache).save("mine", probe)
    common = ["--method", "crc", "--permutations", "0", "--cache", str(store.cache)]
    assert main(["probe", "pairs", "--save", "mine", *common]) == 2
    assert main(["score", "pairs", "--text", "it is good", *common]) == 2
    assert "cannot be used to score statements" in capsys.readouterr().err
    assert SavedProbes(store.cache).facts() == {}


def test_the_commands_say_where_the_sign_comes_from(store, capsys):
    common = ["probe", "pairs", "--method", "crc", "--permutations", "0", "--cache", str(store.cache)]
    across = ["transfer", "pairs", "other", *common[2:4], "--cache", str(store.cache)]
    for asked in (common, [*common, "--cross-validate"], across):
        assert main(asked) == 0
        told = capsys.readouterr().out
        assert CONTRAST_SIGN in told and told.startswith("crc probe of truth at contrast")
        assert main([*asked, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["sign"] == CONTRAST_SIGN


@pytest.fixture(scope="module")
def harvested(cache, tiny, tmp_path_factory):
    """A run of the tiny model, with contrast pairs, in three wordings."""
    store = RunStore(beside(cache, tmp_path_factory.mktemp("harvested")))
    asked = ["harvest", "--data", "movie-reviews", "--n", "60", "--contrast", "--position", "prompt"]
    asked += [word for number in range(3) for word in ("--wording", str(number))]
    assert main([*asked, "--model", str(tiny), "--cache", str(store.cache)]) == 0
    return store, store.runs()[0].run


@pytest.mark.parametrize("method", CONTRAST_METHODS)
def test_what_a_harvest_keeps_a_probe_reads(harvested, method, capsys):
    store, run = harvested
    asked = ["probe", run, "--method", method, "--permutations", "3", "--json", "--cache", str(store.cache)]
    assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)
    wordings = 1 if method_named(method).needs == "contrast wordings" else 3
    assert found["position"] == "contrast" and found["n_test"] == 18 * wordings
    assert [layer["layer"] for layer in found["layers"]] == [0, 1, 2, 3]
