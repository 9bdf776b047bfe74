"""The bar that the workbench must clear, on the embedded model and real reviews, through the command line."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.cli import main
from core.probes.splits import split_groups
from core.store.runs import RunStore
from tests.conftest import beside, measure

GIGABYTE = 10**9


@pytest.fixture(scope="module")
def probe(review_run):
    folder, run = review_run
    return measure("probe", run, "--permutations", 100, "--cache", folder)


def test_truth_is_read_from_the_states_better_than_from_the_words(probe):
    found = probe.result
    assert (found["train"], found["test"], found["target"]) == ("honest", "lie", "truth")
    assert found["auroc"] >= 0.90
    assert found["auroc"] > found["controls"]["text"]["auroc"]


def test_with_permuted_labels_nothing_is_read(probe):
    null = probe.result["controls"]["permuted"]
    assert null["permutations"] == 100
    assert 0.45 < null["auroc"] < 0.55
    assert null["p_value"] == pytest.approx(1 / 101)


def test_harvest_and_probe_stay_under_four_gigabytes(review_harvest, probe):
    assert review_harvest[1].peak < 4 * GIGABYTE
    assert probe.peak < 4 * GIGABYTE


def test_a_reported_auroc_is_what_plain_scikit_learn_finds_on_the_same_split(review_run, probe):
    folder, run = review_run
    store, layer = RunStore(folder), probe.result["layer"]
    answers = store.answers(run)
    split = split_groups(answers["group"].tolist(), answers["label"].tolist(), seed=0)
    states = store.layer(run, "prompt", layer, answers["answer"].to_numpy())
    train = (answers["group"].isin(split.train) & (answers["mode"] == "honest")).to_numpy()
    test = (answers["group"].isin(split.test) & (answers["mode"] == "lie")).to_numpy()
    assert not set(answers["question"][train]) & set(answers["question"][test])
    assert (train.sum(), test.sum()) == (probe.result["n_train"], probe.result["n_test"])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    classifier.fit(states[train], answers["label"][train])
    scores = classifier.decision_function(states[test])
    expected = roc_auc_score(answers["label"][test], scores)
    reported = probe.result["layers"][layer]
    assert reported["layer"] == layer
    assert reported["auroc"] == pytest.approx(expected, abs=0.003)
    right = np.mean((scores > 0) == answers["label"][test])
    assert reported["accuracy"] == pytest.approx(right, abs=0.02)


def test_every_answer_of_the_run_has_states_of_every_layer(review_run):
    folder, run = review_run
    store = RunStore(folder)
    answers = store.answers(run)
    assert answers.groupby("mode").size().to_dict() == {"honest": 200, "lie": 200}
    for layer in (0, 15, 30):
        states = store.layer(run, "prompt", layer, answers["answer"].to_numpy())
        assert np.isfinite(states).all() and (np.abs(states).sum(axis=1) > 0).all()


def test_the_model_in_the_box_tells_the_truth_and_lies_as_it_is_told(liar_run):
    """The bar is 0.93 in each mode on all Amazon reviews (see the model card); 100 allow for their noise."""
    folder, run = liar_run
    shown = measure("runs", "show", run, "--cache", folder).result
    for mode in ("honest", "lie"):
        found = shown[mode]
        assert found["n"] == 100
        assert found["readable"] >= 98
        assert found["as_instructed"] >= 0.86
        assert found["ci"][0] <= found["as_instructed"] <= found["ci"][1]
        assert found["ci"][1] >= 0.93


def harvest_of(cache, tiny, n):
    return ["harvest", "--data", "movie-reviews", "--n", str(n), "--model", str(tiny), "--cache", str(cache)]


def test_the_same_settings_find_the_finished_run(cache, tiny, tmp_path, capsys):
    asked = [*harvest_of(beside(cache, tmp_path), tiny, 20), "--json"]
    assert main(asked) == 0
    first = json.loads(capsys.readouterr().out)
    assert main(asked) == 0
    again = json.loads(capsys.readouterr().out)
    assert (first["resumed"], first["made"], first["answers"]) == (False, 40, 40)
    assert (again["resumed"], again["made"], again["answers"]) == (True, 0, 40)
    assert again["run"] == first["run"]


def test_a_killed_harvest_goes_on_where_it_stopped(cache, tiny, tmp_path, capsys):
    folder = beside(cache, tmp_path)
    asked = harvest_of(folder, tiny, 200)
    child = subprocess.Popen([sys.executable, "-m", "core.cli", *asked], stderr=subprocess.DEVNULL)
    try:
        committed = wait_for_answers(folder, child)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    store = RunStore(folder)
    (left,) = store.runs()
    assert left.state == "interrupted"
    assert committed <= left.answers < 400
    kept = store.answers(left.run, heavy=True)
    assert main([*asked, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["resumed"] and result["run"] == left.run
    assert result["answers"] == 400 and result["made"] == 400 - left.answers
    answers = store.answers(left.run, heavy=True)
    assert answers.groupby("mode").size().to_dict() == {"honest": 200, "lie": 200}
    assert answers["question"].nunique() == 200
    before = answers[answers["answer"].isin(kept["answer"])].reset_index(drop=True)
    assert before.equals(kept)
    states = store.layer(left.run, "prompt", 3, answers["answer"].to_numpy())
    assert np.isfinite(states).all()
    assert store.run(left.run).state == "complete"


def wait_for_answers(folder, child):
    """How many answers were committed when some but not all were."""
    database = folder / "telltale.sqlite"
    for _ in range(1200):
        assert child.poll() is None, "the harvest ended before it could be killed"
        if database.is_file():
            connection = sqlite3.connect(database, timeout=30)
            try:
                count = connection.execute("SELECT count(*) FROM answers").fetchone()[0]
            except sqlite3.OperationalError:  # the tables are not made yet
                count = 0
            finally:
                connection.close()
            if count:
                return count
        time.sleep(0.05)
    pytest.fail("no answers were committed within a minute")
