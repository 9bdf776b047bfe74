"""Probes on planted signals and values known by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from core.errors import ProbeError
from core.probes.bundle import FittedProbe
from core.probes.by_layer import run_probe
from core.probes.controls import permuted_targets
from core.probes.layer_rules import LAYER_RULES, Validated, choose_layer
from core.probes.methods.difference_of_means import DifferenceOfMeans
from core.probes.metrics import (
    area,
    auroc,
    balanced_accuracy,
    brier,
    calibration_error,
    confusion,
    margin,
    recall_at,
    threshold_at,
)
from core.probes.pipeline import direction, make_probe
from core.probes.rows import ProbeSettings, choose_rows, default_modes, with_target
from core.probes.splits import split_groups


def answers(n=120, seed=0):
    """n questions under honest and lie; the model says the truth under honest and lies under lie."""
    label = np.random.default_rng(seed).permutation(np.arange(n) % 2)
    rows = []
    for question in range(n):
        for mode in ("honest", "lie"):
            said = label[question] if mode == "honest" else 1 - label[question]
            rows.append(
                {
                    "answer": len(rows),
                    "question": f"q{question}",
                    "group": f"g{question}",
                    "source": "made",
                    "text": f"word{question} thing",
                    "mode": mode,
                    "wording": 0,
                    "label": label[question],
                    "said": float(said),
                    "said_true": float(said == label[question]),
                    "lie": float(mode == "lie"),
                    "p_0": 0.9 if said == 0 else 0.1,
                    "p_1": 0.9 if said == 1 else 0.1,
                    "dropped": False,
                }
            )
    return pd.DataFrame(rows)


def planted(frame, n_layers=4, d=16, seed=0):
    """Layer 1 holds the truth; layer 2 what is said, more clearly; the others nothing."""
    noise = np.random.default_rng(seed).normal(size=(n_layers, len(frame), d))
    noise[1, :, 3] += 3 * frame["label"]
    noise[2, :, 5] += 6 * frame["said"]
    return lambda layer: noise[layer].astype(np.float32)


def test_auroc_and_interval_known_by_hand():
    target, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    assert auroc(target, scores) == 0.75
    assert auroc(np.array([0, 1]), np.array([1.0, 1.0])) == 0.5
    perfect = area(target, target, np.arange(4))
    assert perfect.auroc == 1 and perfect.ci[0] < 0.6 and perfect.ci[1] == 1
    with pytest.raises(ProbeError, match="only one class"):
        auroc(np.array([1, 1]), np.array([0.1, 0.2]))


def test_interval_of_single_answers_is_delongs():
    rng = np.random.default_rng(0)
    target = np.arange(200) % 2
    scores = rng.normal(size=200) + target
    found = area(target, scores, np.arange(200))
    high, low = scores[target == 1], scores[target == 0]
    above = np.array([(h > low).mean() for h in high])
    below = np.array([(high > w).mean() for w in low])
    variance = above.var(ddof=1) / 100 + below.var(ddof=1) / 100
    half = 1.959964 * np.sqrt(variance) / (found.auroc * (1 - found.auroc))
    middle = np.log(found.auroc / (1 - found.auroc))
    assert found.ci == pytest.approx(
        (1 / (1 + np.exp(half - middle)), 1 / (1 + np.exp(-half - middle))), abs=0.002
    )


def test_a_margin_is_known_by_hand_and_narrower_than_two_intervals():
    target = np.array([0, 0, 1, 1])
    same = margin(target, np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 4]), np.arange(4))
    assert same.value == 0 and same.ci[0] < -0.3 and same.ci[1] > 0.3
    rng = np.random.default_rng(0)
    target = np.arange(200) % 2
    good = rng.normal(size=200) + 1.5 * target
    worse = good + rng.normal(size=200)
    groups = np.arange(200)
    found = margin(target, good, worse, groups)
    assert found.value == pytest.approx(auroc(target, good) - auroc(target, worse))
    draws = []
    for _ in range(400):
        rows = rng.integers(0, 200, 200)
        draws.append(auroc(target[rows], good[rows]) - auroc(target[rows], worse[rows]))
    assert found.ci == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])), abs=0.015)
    apart = [area(target, scores, groups) for scores in (good, worse)]
    assert found.ci[1] - found.ci[0] < sum(a.ci[1] - a.ci[0] for a in apart) / 2
    twice = margin(np.tile(target, 2), np.tile(good, 2), np.tile(worse, 2), np.tile(groups, 2))
    assert twice.ci == pytest.approx(found.ci, abs=1e-3)


def test_answers_that_hang_together_widen_the_interval():
    rng = np.random.default_rng(1)
    target = np.repeat(np.arange(40) % 2, 5)
    scores = np.repeat(rng.normal(size=40), 5) + target
    alone, together = area(target, scores, np.arange(200)), area(target, scores, np.repeat(np.arange(40), 5))
    assert together.ci[1] - together.ci[0] > 1.5 * (alone.ci[1] - alone.ci[0])


def test_confusion_reliability_brier_known_by_hand():
    target, probability = np.array([0, 0, 1, 1]), np.array([0.1, 0.9, 0.95, 0.92])
    assert confusion(target, (probability > 0.5).astype(int)) == [[1, 1], [0, 2]]
    bins = calibration_error(target, probability, np.arange(4), np.arange(4)).bins
    assert list(zip(bins["n"], bins["observed"], strict=True)) == [(1, 0), (3, 2 / 3)]
    assert brier(np.array([0, 1]), np.array([0.5, 1.0])) == 0.125


def test_difference_of_means_is_an_estimator_and_known_by_hand():
    check_estimator(DifferenceOfMeans())
    fitted = DifferenceOfMeans().fit(np.array([[0.0, 0], [0, 2], [4, 0], [4, 2]]), np.array([0, 0, 1, 1]))
    assert fitted.coef_.tolist() == [[4, 0]]
    assert fitted.decision_function(np.array([[2.0, 9]]))[0] == 0


def test_the_rotation_changes_nothing():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 100)), np.arange(40) % 2
    new = rng.normal(size=(5, 100))
    plain = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=5000, tol=1e-8)).fit(x, y)
    probe = make_probe("logistic").fit(x, y)
    assert probe.decision_function(new) == pytest.approx(plain.decision_function(new), abs=1e-2)
    vector, intercept = direction(probe)
    assert new @ vector + intercept == pytest.approx(probe.decision_function(new))


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1)), min_size=60, max_size=120), st.integers(0, 9)
)
def test_no_group_on_two_sides(rows, seed):
    groups, labels = [f"g{g}" for g, _ in rows], [label for _, label in rows]
    try:
        split = split_groups(groups, labels, seed)
    except ProbeError:
        return
    assert not split.train & split.validation and not split.train & split.test
    assert not split.validation & split.test
    assert split.train | split.validation | split.test == set(groups)


def test_the_layer_is_chosen_on_both_modes():
    frame = answers()
    report = run_probe(frame, planted(frame), 4, ProbeSettings(permutations=0))
    assert report.layer == 1 and report.chosen.test.auroc > 0.9
    assert report.rules == {"labels": 1, "honest": 2, "agreement": 1}
    assert report.layers[2].test.auroc < 0.1
    assert report.controls["output"].auroc == 0 and report.controls["output_inverted"].auroc == 1
    assert report.controls["honest_answer"].auroc == 1
    assert 0.2 < report.controls["text"].auroc < 0.8


@pytest.mark.parametrize(("rule", "layer"), [("honest", 2), ("agreement", 1)])
def test_a_rule_that_uses_no_lies_chooses_the_headline(rule, layer):
    frame = answers()
    found = run_probe(frame, planted(frame), 4, ProbeSettings(permutations=5, rule=rule))
    assert found.layer == layer and found.bundle.layer == layer
    told = found.to_json("r")
    assert told["rule"] == rule and told["rules"][rule]["auroc"] == told["auroc"]
    assert told["rules"][rule]["no_lies_used"] and not told["rules"]["labels"]["no_lies_used"]
    blind = [replace(at.validated, auroc={"honest": at.validation["honest"]}) for at in found.layers]
    assert choose_layer(blind, rule) == layer  # what lie labels say is not looked at


def test_agreement_counts_only_where_honest_answers_can_be_read():
    layers = [
        Validated({"honest": 0.6, "lie": 0.6}, 1.0),  # constant but for noise: agrees with itself
        Validated({"honest": 0.9, "lie": 0.9}, 0.8),
        Validated({"honest": 0.95, "lie": 0.1}, -0.9),
    ]
    assert [choose_layer(layers, rule) for rule in LAYER_RULES] == [1, 2, 1]
    assert choose_layer([Validated({"honest": 0.6, "lie": 0.6}, 1.0)], "agreement") is None


def test_of_the_layers_that_agree_about_as_well_as_any_the_best_reader_is_taken():
    layers = [
        Validated({"honest": 0.7}, 1.0),  # knows nearly nothing
        Validated({"honest": 0.85}, 0.99),  # knows less than the next, and agrees about it
        Validated({"honest": 0.93}, 0.95),
        Validated({"honest": 0.95}, 0.9),
        Validated({"honest": 1.0}, -0.8),  # goes with what is said
    ]
    assert choose_layer(layers, "agreement") == 2
    assert choose_layer(layers, "agreement", floor=0.9) == 3
    assert choose_layer(layers[:2], "agreement") == 1


def test_rules_that_use_no_lies_need_honest_labels():
    assert choose_layer([Validated({"both": 0.9})], "honest") is None


def test_a_rule_with_nothing_to_go_by_is_refused():
    frame = answers()
    noise = np.random.default_rng(0).normal(size=(len(frame), 12))
    with pytest.raises(ProbeError, match="layer rule 'agreement' has nothing to go by"):
        run_probe(frame, lambda layer: noise, 2, ProbeSettings(permutations=0, rule="agreement"))
    with pytest.raises(ProbeError, match="unknown layer rule"):
        ProbeSettings(rule="best")


def test_the_null_in_one_solve_equals_fits_one_by_one():
    frame = answers()
    states = planted(frame)
    found = run_probe(frame, states, 1, ProbeSettings(permutations=8)).controls["permuted"].aurocs
    marked = with_target(frame, "truth")
    rows = choose_rows(marked, ProbeSettings())
    here, expected = states(0), []
    for fake in permuted_targets(marked, "truth", 8, 0):
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=5000, tol=1e-8))
        fitted = pipeline.fit(here[rows.train], fake[rows.train])
        expected.append(auroc(fake[rows.test], fitted.decision_function(here[rows.test])))
    assert found == pytest.approx(expected, abs=1e-3)


def test_permuted_labels_give_chance():
    frame = answers()
    report = run_probe(frame, planted(frame), 4, ProbeSettings(permutations=100))
    null = report.controls["permuted"]
    assert len(null.aurocs) == 100
    assert 0.45 < np.mean(null.aurocs) < 0.55
    assert null.p_value == pytest.approx(1 / 101)


@pytest.mark.parametrize("target", ["truth", "said", "mode"])
def test_permuting_keeps_counts_and_questions_whole(target):
    frame = with_target(answers(20), target)
    for fake in permuted_targets(frame, target, 5, 0):
        assert fake.sum() == frame["target"].sum()
        if target == "truth":
            assert (fake[0::2] == fake[1::2]).all()
        if target == "mode":
            assert (fake[0::2] != fake[1::2]).all()
    assert (permuted_targets(frame, target, 1, 0)[0] != frame["target"]).any()


def test_groups_of_one_pattern_are_permuted_too():
    frame = pd.DataFrame({"group": np.arange(80) // 4, "question": np.arange(80), "mode": "honest"})
    frame["target"] = np.tile([1, 0], 40)
    kept = [(fake == frame["target"]).mean() for fake in permuted_targets(frame, "truth", 100, 0)]
    assert min(kept) > 0.2 and max(kept) < 0.8 and np.mean(kept) == pytest.approx(0.5, abs=0.05)


def test_dropped_answers_are_left_out_and_outcome_drops_only_of_training():
    frame = answers()
    frame.loc[frame["mode"] == "lie", "dropped_outcome"] = True
    frame["dropped_outcome"] = frame["dropped_outcome"].eq(True)
    report = run_probe(frame, planted(frame), 4, ProbeSettings(permutations=0))
    assert list(report.chosen.validation) == ["honest"] and report.chosen.test.n > 20
    frame["dropped"] = frame["mode"] == "lie"
    with pytest.raises(ProbeError, match="no test answers in mode lie"):
        run_probe(frame, planted(frame), 4, ProbeSettings(permutations=0))


def test_one_class_left_is_refused():
    frame = answers()
    frame["dropped"] = (frame["mode"] == "honest") & (frame["label"] == 1)
    with pytest.raises(ProbeError, match="one class of target 'truth'"):
        run_probe(frame, planted(frame), 4, ProbeSettings(permutations=0))


def test_another_run_is_judged_without_what_training_saw():
    frame, other = answers(), answers(seed=1)
    other["group"] = "other" + other["group"]
    other["question"] = "other" + other["question"]
    other["text"] = [f"new{row} words" for row in other["question"]]
    other.loc[:1, "text"] = frame["text"][0]
    for seed in range(8):
        settings = ProbeSettings(permutations=0, seed=seed)
        report = run_probe(frame, planted(frame), 4, settings, test_frame=other, test_states=planted(other))
        seen = "g0" not in split_groups(frame["group"], frame["label"], seed).test
        assert report.chosen.test.n == (119 if seen else 120)


def test_a_saved_bundle_scores_alike_and_knows_strangers(tmp_path):
    frame = answers()
    states = planted(frame)
    bundle = run_probe(frame, states, 4, ProbeSettings(permutations=0)).bundle
    bundle.save(tmp_path / "probe.safetensors")
    again = FittedProbe.load(tmp_path / "probe.safetensors")
    new = np.stack([states(layer)[:5] for layer in range(4)], axis=1)
    assert np.array_equal(again.scores(new), bundle.scores(new))
    assert again.facts == bundle.facts and again.layer == 1
    percentile, unlike = bundle.unlike(np.stack([states(1)[0], states(1)[0] + 100]))
    assert unlike.tolist() == [False, True] and percentile[1] == 100
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    with pytest.raises(ProbeError, match="not a saved probe"):
        FittedProbe.load(tmp_path / "bad.safetensors")


def test_modes_are_chosen_from_those_that_a_run_has():
    assert default_modes(["lie", "honest", "none"]) == ("honest", "lie")
    assert default_modes(["none"]) == ("none", "none")
    assert default_modes(["lie"]) == ("lie", "lie")
    frame = answers()
    frame = frame[frame["mode"] == "honest"].assign(mode="none").reset_index(drop=True)
    report = run_probe(frame, planted(frame), 4, ProbeSettings(train="both", test="both", permutations=0))
    assert report.layer in (1, 2) and list(report.chosen.validation) == ["none"]


def test_what_was_pruned_of_the_run_judged_on_is_counted_too():
    frame, other = answers(), answers(seed=1)
    for name in ("group", "question", "text"):
        other[name] = "other" + other[name]
    other.loc[:3, "dropped"] = True
    frame.loc[0, "dropped"] = True
    settings = ProbeSettings(permutations=0)
    report = run_probe(frame, planted(frame), 4, settings, test_frame=other, test_states=planted(other))
    assert report.n_dropped == 5


def test_balanced_accuracy_is_the_mean_of_both_classes_and_knows_of_groups():
    target, predicted = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 0])
    found = balanced_accuracy(target, predicted, np.arange(6))
    assert found.value == pytest.approx((3 / 4 + 1 / 2) / 2) and (found.n, found.positive) == (6, 2)
    rng = np.random.default_rng(0)
    target = np.arange(300) % 3 == 0
    predicted = rng.random(300) < np.where(target, 0.8, 0.3)
    draws = []
    for _ in range(2000):
        rows = rng.integers(0, 300, 300)
        here = target[rows]
        draws.append((predicted[rows][here].mean() + 1 - predicted[rows][~here].mean()) / 2)
    found = balanced_accuracy(target, predicted, np.arange(300))
    assert found.ci == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])), abs=0.015)
    twice = balanced_accuracy(np.tile(target, 2), np.tile(predicted, 2), np.tile(np.arange(300), 2))
    assert twice.ci == pytest.approx(found.ci, abs=1e-3)


def test_predicting_one_class_is_chance_and_is_not_certain():
    found = balanced_accuracy(np.arange(40) % 2, np.ones(40), np.arange(40))
    assert found.value == 0.5 and found.ci[0] < 0.4 and found.ci[1] > 0.6


def test_calibration_error_is_that_of_reliability_known_by_hand():
    target, probabilities = np.array([0, 1, 1, 1]), np.array([0.1, 0.1, 0.9, 0.9])
    found = calibration_error(target, probabilities, np.arange(4), np.arange(4))
    assert found.ece == pytest.approx((2 * 0.4 + 2 * 0.1) / 4)
    assert found.ci[0] <= found.ece <= found.ci[1] and (found.n, found.questions) == (4, 4)
    rng = np.random.default_rng(0)
    probabilities = rng.random(2000)
    target = rng.random(2000) < probabilities
    calibrated = calibration_error(target, probabilities, np.arange(2000), np.arange(2000))
    assert calibrated.ci[0] == 0 and calibrated.ece < 2 * calibrated.by_chance
    assert calibration_error(target, 1 - probabilities, np.arange(2000), np.arange(2000)).ci[0] > 0.4


@pytest.mark.parametrize(
    ("rate", "negatives", "measured"), [(0.01, 499, 0), (0.01, 500, 1), (0.05, 99, 0), (0.05, 100, 1)]
)
def test_recall_is_shown_only_where_its_false_positive_rate_can_be_told(rate, negatives, measured):
    target = np.repeat([0, 1], [negatives, 20])
    found = recall_at(target, np.arange(len(target)), np.arange(len(target)), rate)
    assert (found.recall is not None) == (found.why is None) == bool(measured)
    assert (found.negative, found.positive) == (negatives, 20)
    assert measured or "not measurable at this n" in found.to_json()["why"]


def test_recall_at_a_rate_known_by_hand_with_ties():
    scores = np.concatenate([np.arange(100.0), [94.0, 94.5, 95.0, 200.0]])
    target = np.repeat([0, 1], [100, 4])
    assert threshold_at(scores[:100], 0.05) == 94
    assert recall_at(target, scores, np.arange(104), 0.05).recall == 0.75
    tied = np.where(np.arange(104) < 10, 500.0, scores)  # ten negatives share the top: none of them may pass
    assert threshold_at(tied[:100], 0.05) == 500
    assert recall_at(target, tied, np.arange(104), 0.05).recall == 0


def test_the_interval_of_recall_covers_the_threshold_and_knows_of_groups():
    """Answers drawn anew from the same two bells miss the true recall in about one of twenty."""
    rng = np.random.default_rng(0)
    true, covered = 0.6387, 0  # 1 - Φ(1.6449 - 2)
    for _ in range(40):
        target = np.repeat([0, 1], [200, 100])
        found = recall_at(target, rng.normal(size=300) + 2 * target, np.arange(300), 0.05)
        covered += found.ci[0] <= true <= found.ci[1]
    assert covered >= 34
    assert found.ci[1] - found.ci[0] > 0.19, "wider than Wilson's of 100 positives at a known threshold"
    scores = rng.normal(size=60).repeat(5) + 2 * np.repeat([0, 1], [200, 100])
    alone = recall_at(target, scores, np.arange(300), 0.05)
    together = recall_at(target, scores, np.arange(60).repeat(5), 0.05)
    assert together.ci[1] - together.ci[0] > 1.3 * (alone.ci[1] - alone.ci[0])


def test_recall_of_one_class_or_at_another_rate_is_refused():
    with pytest.raises(ProbeError, match="only one class"):
        recall_at(np.ones(600), np.arange(600), np.arange(600), 0.01)
    with pytest.raises(ProbeError, match="of 1% or 5%, not of"):
        recall_at(np.arange(600) % 2, np.arange(600), np.arange(600), 0.1)
