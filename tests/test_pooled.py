"""What a probe comes to with the mode hidden, what the output leaves of it, and a null that finds a leak."""

import numpy as np
import pandas as pd
import pytest

from core.probes.by_layer import run_probe
from core.probes.controls import beyond_output
from core.probes.metrics import auroc
from core.probes.null import Permutations
from core.probes.pipeline import make_probe
from core.probes.pooled import pool
from core.probes.rivals import rival_scores
from core.probes.rows import ProbeSettings, Rows, choose_rows, matched_validation, with_target
from tests.test_probes import answers, planted

QUICK = ProbeSettings(permutations=0)


def test_the_pooled_figure_is_of_all_modes_beside_the_best_control():
    frame = answers(200)
    report = run_probe(frame, planted(frame), 4, QUICK)
    pooled = report.pooled
    assert pooled.area.n == 2 * report.chosen.test.n and pooled.area.auroc > 0.9
    # The output says the truth in one mode and its opposite in the other: inverted it is perfect.
    assert pooled.rival in ("output_inverted", "honest_answer") and pooled.control.auroc == 1
    assert pooled.control.margin.value == pytest.approx(pooled.area.auroc - 1)
    # In each mode the output is a function of the truth: beyond it there is nothing to read.
    assert pooled.beyond.ci[0] < 0.5 < pooled.beyond.ci[1]
    assert report.to_json("run")["pooled"]["best_control"] == pooled.rival


def test_what_the_output_says_alone_leaves_nothing():
    rng = np.random.default_rng(0)
    n = 400
    mode = np.where(np.arange(n) % 2, "honest", "lie")
    label = rng.integers(0, 2, n)
    odds = rng.normal(size=n) + np.where(mode == "honest", 2, -2) * (2 * label - 1)
    p_1 = 1 / (1 + np.exp(-odds))
    frame = pd.DataFrame({"mode": mode, "p_1": p_1, "p_0": 1 - p_1})
    echo = np.where(mode == "honest", odds, -3 * odds) + rng.normal(size=n) / 10
    known, own = slice(0, n // 2), slice(n // 2, n)
    assert auroc(label[own], echo[own]) > 0.9
    left = beyond_output(frame[known], echo[known], frame[own], echo[own])
    assert abs(auroc(label[own], left) - 0.5) < 0.12
    # What is read beside the output stays, but for the part that goes along with it.
    more = echo + 4 * label
    left = beyond_output(frame[known], more[known], frame[own], more[own])
    assert 0.65 < auroc(label[own], left) < auroc(label[own], more[own])


def test_a_mode_with_too_little_to_fit_on_has_nothing_left_over():
    frame = pd.DataFrame({"mode": ["honest"] * 20, "p_0": 0.3, "p_1": 0.7})
    judged = frame.assign(mode=["honest"] * 10 + ["flip"] * 10)
    left = beyond_output(frame, np.arange(20.0), judged, np.arange(20.0))
    assert np.isnan(left[10:]).all() and not np.isnan(left[:10]).any()
    target = np.arange(20) % 2
    found = pool(target, np.arange(20.0), np.full(20, np.nan), {}, np.arange(20))
    assert found.beyond is None and found.rival is None and found.control is None


def test_answers_without_choices_have_no_output_to_go_beyond():
    frame = answers()
    frame[["p_0", "p_1"]] = np.nan
    report = run_probe(frame, planted(frame), 4, QUICK)
    assert report.pooled.beyond is None and report.pooled.area.auroc > 0.9
    assert report.controls["output"] is None


def test_length_is_a_control_whose_sign_is_learnt():
    frame = answers()
    for sign in (1, -1):
        long = frame["label"] == (sign == 1)
        frame["text"] = [f"word{row} thing" + " more" * 9 * more for row, more in enumerate(long)]
        marked = with_target(frame, "truth")
        rows = choose_rows(marked, QUICK)
        scores = rival_scores(marked, marked, rows).scores["length"]
        assert auroc(marked["target"].to_numpy()[rows.test], scores) == 1


def test_a_planted_leak_pushes_the_null_up():
    """States that name their question, and a split that has each question on both sides."""
    frame = with_target(answers(), "truth")
    number = frame["group"].str[1:].astype(int).to_numpy()
    named = np.eye(number.max() + 1)[number] + np.random.default_rng(0).normal(size=(len(frame), 120)) / 10
    honest, lie = (np.flatnonzero(frame["mode"] == mode) for mode in ("honest", "lie"))
    settings = ProbeSettings(permutations=40)

    def null_mean(rows):
        null = Permutations(frame, None, settings, rows, matched_validation(frame, rows))
        probe = make_probe("logistic").fit(named[rows.train], frame["target"].to_numpy()[rows.train])
        null.add(null.at_layer(probe, named, named, lambda: False))
        return np.mean(null.outcome(1.0).aurocs)

    leaking = Rows(train=honest, validation={"honest": honest[:40]}, test=lie, n_dropped=0)
    assert null_mean(leaking) > 0.6
    assert null_mean(choose_rows(frame, settings)) == pytest.approx(0.5, abs=0.06)
