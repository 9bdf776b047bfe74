"""Calibration: curves known by hand, questions from outside the run, old runs as they were, reliability."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from core import charts
from core.answers import leaning
from core.calibration import (
    CONTENT_FREE,
    FEWEST,
    LABELLED,
    MEAN,
    calibration_sentences,
    draw_labelled,
    fit_content_free,
    fit_labelled,
)
from core.cli import main
from core.data.question import Question
from core.data.sources import DataSettings, load_pool
from core.engine.harvest import harvest, prepare
from core.engine.settings import HarvestSettings
from core.errors import TemplateError
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.prompts.templates import BUILT_IN
from core.reliability import honest_reliability, probabilities, reliability
from core.store.runs import RunStore
from tests.conftest import beside


def test_one_odd_content_free_prompt_does_not_set_the_offset():
    values = [[1.0, 1.1, 1.2, 1.3, 9.0]]
    assert fit_content_free(values, "honest", "content-free").offset == pytest.approx(1.2)
    assert fit_content_free(values, "honest", MEAN).offset == pytest.approx(2.72)


def test_each_claim_counts_alike():
    found = fit_content_free([[2.0, 2.0, 9.0], [-1.0, -1.0, -1.0]], "honest", "content-free")
    assert (found.offset, found.slope, found.n) == (0.5, 1.0, 6)


def test_platt_finds_where_truth_and_its_opposite_are_even():
    generator = np.random.default_rng(0)
    values = generator.normal(2.0, 1.5, 4000)
    label = (generator.random(4000) < expit(1.4 * (values - 2.5))).astype(int)
    found = fit_labelled(values, label, "honest")
    assert found.offset == pytest.approx(2.5, abs=0.1) and found.slope == pytest.approx(1.4, abs=0.1)
    assert found.rises and found.n == 4000


def test_log_odds_that_fall_with_the_truth_give_an_offset_and_turn_nothing_around():
    values, label = [1.0, 2.0, 3.0, 4.0], [1, 1, 0, 0]
    found = fit_labelled(values, label, "honest")
    assert (found.slope, found.rises) == (1.0, False)
    assert found.offset == pytest.approx(2.5)
    assert expit(np.array(values) - found.offset).mean() == pytest.approx(0.5)


def pool(n=200, per_group=2):
    return [
        Question(f"q{i}", f"text {i}", (i // per_group) % 2, ("No", "Yes"), "made", f"g{i // per_group}")
        for i in range(n)
    ]


def test_the_labelled_questions_are_balanced_seeded_and_of_no_group_that_the_run_has():
    taken = {f"g{number}" for number in range(0, 40)}
    drawn = draw_labelled(pool(), taken, seed=3)
    assert len(drawn) == LABELLED and sum(q.label for q in drawn) == LABELLED // 2
    assert not taken & {q.group for q in drawn}
    assert drawn == draw_labelled(pool(), taken, seed=3) != draw_labelled(pool(), taken, seed=4)
    assert len({q.id for q in drawn}) == LABELLED


def test_too_few_labelled_questions_outside_the_run_are_refused():
    taken = {q.group for q in pool()[: 200 - 4 * FEWEST // 2 + 2]}
    with pytest.raises(TemplateError, match="ask fewer questions"):
        draw_labelled(pool(), taken, seed=0)


def settings(folder="m", **changes):
    values = {
        "data": DataSettings("movie-reviews", n=24),
        "template": BUILT_IN["review"],
        "model": ModelSettings(str(folder)),
        "positions": ("prompt",),
    }
    return HarvestSettings(**(values | changes))


OLD = {
    "data": {
        "name": "movie-reviews",
        "n": 24,
        "seed": 0,
        "form": "direct",
        "mapping": None,
        "split": None,
    },
    "template": BUILT_IN["review"].to_dict(),
    "model": {"id": "m", "adapter": None, "four_bit": False},
    "modes": ["honest", "lie"],
    "wordings": [0],
    "orders": [0],
    "shots": 0,
    "demo_sets": 1,
    "demo_answers": "truth",
    "demo_seed": 0,
    "system": True,
    "chat": True,
    "decoding": {"max_new_tokens": 4, "stop": ["\n"], "temperature": 0.0, "seed": 0},
    "samples": 1,
    "positions": ["prompt"],
}


def test_an_old_run_keeps_its_mean_and_its_id():
    read = HarvestSettings.from_dict(OLD)
    assert read.calibration == MEAN
    assert read.run_id("q", "m") == "b4eeb1b75165"  # what it was before calibration had a name
    assert settings().run_id("q", "m") != "b4eeb1b75165"
    assert HarvestSettings.from_dict(read.to_dict()) == read


def test_each_method_is_a_run_of_its_own_and_none_has_no_modes():
    ids = {settings(calibration=name).run_id("q", "m") for name in ("content-free", "platt", "none")}
    assert len(ids) == 3
    assert settings(calibration_per_mode=True).run_id("q", "m") not in ids
    assert settings(calibration="none", calibration_per_mode=True) == settings(calibration="none")
    with pytest.raises(TemplateError, match="unknown calibration 'isotonic'"):
        settings(calibration="isotonic")


def run_of(cache, tiny, tmp_path, **changes):
    folder = beside(cache, tmp_path)
    loaded = load_model(ModelSettings(str(tiny)), folder)
    store = RunStore(folder)
    prepared = prepare(settings(tiny, **changes), loaded, folder)
    return store, harvest(prepared, loaded, store).run, prepared


@pytest.mark.parametrize("method", ["content-free", "platt"])
def test_one_curve_fitted_under_honest_serves_every_mode(cache, tiny, tmp_path, method):
    store, run, prepared = run_of(cache, tiny, tmp_path, calibration=method)
    curves, answers = store.calibrations(run), store.answers(run)
    assert set(curves["mode"]) == {"honest", "lie"} and set(curves["fitted_in"]) == {"honest"}
    assert curves["offset"].nunique() == answers["offset"].nunique() == 1
    assert curves["offset"].iloc[0] == answers["offset"].iloc[0] != 0
    assert set(curves["n"]) == {len(CONTENT_FREE) if method == "content-free" else LABELLED}
    calibrated = [leaning(r.p_0, r.p_1, r.offset) for r in answers.itertuples()]
    assert answers["leans_calibrated"].tolist() == calibrated
    assert answers["leans"].tolist() == [leaning(r.p_0, r.p_1) for r in answers.itertuples()]
    groups = {q.id: q.group for q in load_pool(store.cache, prepared.plan.settings.data)}
    fitted_on = store.run(run).facts["calibrated_on"]
    assert len(fitted_on) == (LABELLED if method == "platt" else 0)
    assert not {groups[name] for name in fitted_on} & set(answers["group"])


def test_fitted_by_mode_each_mode_has_an_offset_of_its_own(cache, tiny, tmp_path):
    store, run, _ = run_of(cache, tiny, tmp_path, calibration_per_mode=True)
    curves = store.calibrations(run).set_index("mode")
    assert curves["fitted_in"].to_dict() == {"honest": "honest", "lie": "lie"}
    assert curves.loc["honest", "offset"] != curves.loc["lie", "offset"]
    offsets = store.answers(run).groupby("mode")["offset"].unique()
    assert offsets["lie"].tolist() == [curves.loc["lie", "offset"]]
    said = " ".join(calibration_sentences(store.calibrations(run), "content-free", True))
    assert "by itself" in said and "base rate of 0.5" in said


def test_without_calibration_leans_are_read_as_they_are(cache, tiny, tmp_path, capsys):
    store, run, _ = run_of(cache, tiny, tmp_path, calibration="none")
    answers = store.answers(run)
    assert (answers["offset"] == 0).all() and (answers["leans"] == answers["leans_calibrated"]).all()
    assert store.calibrations(run).empty
    assert main(["calibration", run, "--json", "--cache", str(store.cache)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["method"] == "none" and found["raw"] == found["calibrated"]
    assert found["raw"]["n"] == 24 and sum(row["n"] for row in found["raw"]["bins"]) == 24
    store.delete(run)


def honest(probability, label, groups=None):
    names = [f"q{i}" for i in range(len(label))]
    return pd.DataFrame(
        {
            "mode": "honest",
            "question": names,
            "group": groups or names,
            "label": label,
            "wording": 0,
            "order": 0,
            "demo_set": 0,
            "p_0": (1 - np.asarray(probability)) / 2,
            "p_1": np.asarray(probability) / 2,
            "offset": 0.0,
        }
    )


NO_CURVES = pd.DataFrame(columns=["mode", "wording", "order", "demo_set", "slope"])


def test_reliability_known_by_hand():
    probability = [0.15] * 4 + [0.85] * 4
    raw, calibrated = honest_reliability(honest(probability, [0, 0, 0, 1, 1, 1, 0, 0]), NO_CURVES)
    assert raw.bins["observed"].tolist() == [0.25, 0.5] and raw.bins["n"].tolist() == [4, 4]
    assert raw.ece == pytest.approx((0.10 + 0.35) / 2)
    assert raw.n == raw.questions == 8
    assert (raw.bins["low"] < raw.bins["observed"]).all() and (raw.bins["observed"] < raw.bins["high"]).all()
    assert calibrated.ece == pytest.approx(raw.ece)


def test_the_curve_is_laid_over_the_raw_probability_of_its_own_arm():
    answers = honest([0.5, 0.5], [0, 1]).assign(wording=[0, 1], offset=[1.0, 0.0])
    curves = pd.DataFrame([{"mode": "honest", "wording": 0, "order": 0, "demo_set": 0, "slope": 2.0}])
    found = probabilities(answers, curves)
    assert found["raw"].tolist() == pytest.approx([0.5, 0.5])
    assert found["calibrated"].tolist() == pytest.approx([float(expit(-2.0)), 0.5])


def test_perfect_calibration_shows_no_more_error_than_by_chance():
    generator = np.random.default_rng(1)
    probability = generator.random(2000)
    label = (generator.random(2000) < probability).astype(int)
    found = reliability(honest(probability, label), pd.Series(probability))
    assert found.ece == pytest.approx(found.by_chance, abs=0.01)
    assert reliability(honest(probability, 1 - label), pd.Series(probability)).ece > 10 * found.by_chance


def test_the_interval_of_the_error_reaches_0_where_calibration_is_perfect_and_not_where_it_is_bad():
    generator = np.random.default_rng(2)
    reached = []
    for _ in range(20):
        probability = generator.random(200)
        label = (generator.random(200) < probability).astype(int)
        found = reliability(honest(probability, label), pd.Series(probability))
        assert found.ci[0] <= found.ece <= found.ci[1]
        reached.append(found.ci[0] == 0)
    assert sum(reached) >= 17, "19 of 20 times on average"
    bad = reliability(honest(probability, 1 - label), pd.Series(probability))
    assert bad.ci[0] > found.ci[1]
    assert f"{bad.ece:.3f}, {bad.ci[0]:.3f} to {bad.ci[1]:.3f}" in bad.sentence()
    assert bad.to_json()["ece_ci"] == list(bad.ci)


def test_the_interval_of_the_error_knows_groups_and_is_the_same_every_time():
    generator = np.random.default_rng(3)
    probability = np.repeat(generator.random(40), 10)
    label = np.repeat((generator.random(40) < 0.5).astype(int), 10)
    alone = honest(probability, label)
    together = honest(probability, label, [f"g{number // 10}" for number in range(400)])
    narrow, wide = (reliability(answers, pd.Series(probability)) for answers in (alone, together))
    assert wide.ece == narrow.ece
    assert wide.ci[1] - wide.ci[0] > 1.5 * (narrow.ci[1] - narrow.ci[0])
    assert wide.ci == reliability(together, pd.Series(probability)).ci


def test_an_error_that_does_not_vary_is_not_certain():
    sure = reliability(honest([1.0] * 4, [1] * 4), pd.Series([1.0] * 4))
    assert sure.ece == sure.ci[0] == 0 and sure.ci[1] == pytest.approx(0.49, abs=0.01)
    one = reliability(honest([0.7] * 4, [1, 1, 0, 1], ["g"] * 4), pd.Series([0.7] * 4))
    assert one.ci[0] < one.ece < one.ci[1] and one.ci[1] - one.ci[0] > 0.5
    assert np.isnan(reliability(honest([], []), pd.Series([], dtype=float)).ci).all()


def test_answers_to_one_question_widen_the_interval():
    probability, label = [0.5] * 40, [0] * 20 + [1] * 20
    alone = reliability(honest(probability, label), pd.Series(probability)).bins.iloc[0]
    answers = honest(probability, label, [f"g{i // 10}" for i in range(40)])
    together = reliability(answers, pd.Series(probability)).bins.iloc[0]
    assert together["high"] - together["low"] > 1.5 * (alone["high"] - alone["low"])


def test_a_run_that_asked_nothing_under_honest_has_no_reliability():
    assert honest_reliability(honest([0.5], [1]).assign(mode="lie"), NO_CURVES) is None


def test_the_diagram_shows_raw_and_calibrated_with_their_n():
    bins = pd.DataFrame([{"predicted": 0.2, "observed": 0.3, "low": 0.1, "high": 0.5, "n": 12}])
    figure = charts.reliability_of_leans(bins, bins.assign(predicted=0.3), "<b>Yes</b>")
    assert {"raw", "calibrated"} <= {trace.name for trace in figure.data}
    assert figure.data[1].text == ("n 12",)
    assert "&lt;b&gt;Yes" in figure.layout.xaxis.title.text and figure.layout.yaxis.title.text
    assert math.isclose(figure.data[1].error_y.array[0], 0.2)
