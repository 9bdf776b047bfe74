"""The crossed grid: what was planted is what the result hangs on, and a grid with holes is refused."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from core.cli import main
from core.data.question import Question
from core.data.sources import DataSettings
from core.engine.settings import HarvestSettings
from core.errors import Cancelled, ProbeError
from core.probes import crossed_of_runs as module
from core.probes.crossed import CrossedCell, crossed
from core.probes.crossed_of_runs import crossed_of_runs
from core.probes.crossed_rows import CrossedSettings
from core.probes.metrics import Area, auroc
from core.probes.splits import fold_of_groups
from core.prompts.templates import BUILT_IN
from core.store.runs import RunStore

SOURCES, WORDINGS, LAYERS, WIDTH = ("films", "shops"), (0, 1, 2), 4, 12
CLARITY = (0.3, 1.2, 3.0)
"""How clearly the truth shows under each wording, in standard deviations of the noise."""


def answers(sources=SOURCES, wordings=WORDINGS, n=60):
    """n questions of each source under honest and lie, in each wording."""
    keys = product(sources, range(n), wordings, ("honest", "lie"))
    frame = pd.DataFrame(keys, columns=["source", "number", "wording", "mode"])
    name = frame["source"] + frame["number"].astype(str)
    label = np.random.default_rng(0).permutation(np.arange(n) % 2)[frame["number"]]
    said = np.where(frame["mode"] == "honest", label, 1 - label).astype(float)
    filled = {"answer": range(len(frame)), "question": name, "group": name, "text": name, "dropped": False}
    return frame.assign(**filled, label=label, said=said, order=0, demo_set=0, sample=0)


def planted(frame, seed=1):
    """Noise at every layer, and the truth in it as clearly as the wording has it."""
    noise = np.random.default_rng(seed).normal(size=(LAYERS, len(frame), WIDTH))
    noise[..., 3] += np.array(CLARITY)[frame["wording"]] * frame["label"].to_numpy()
    return noise.__getitem__


def test_a_planted_effect_of_the_wording_is_the_wordings():
    frame = answers()
    found = crossed(frame, planted(frame), LAYERS, CrossedSettings())
    assert len(found.cells) == len(found.to_frame()) == 2 * 3 * 2 * 3
    assert found.levels()["layer"] == [1, 2, 3] and {cell.area.n for cell in found.cells} == {60}
    split = found.decomposition()
    assert split.largest.name == "wording" and split.largest.share > 0.7
    assert found.sentence().startswith("The result hangs most on the wording: ")
    assert "chance" not in found.sentence() and found.at_chance < len(found.cells) / 2
    residual = split.components[-1]
    assert residual.variance < found.sampling_variance < split.largest.variance


def test_labels_that_mean_nothing_are_called_chance():
    frame = answers()
    noise = np.random.default_rng(5).normal(size=(LAYERS, len(frame), WIDTH))
    found = crossed(frame, noise.__getitem__, LAYERS, CrossedSettings())
    assert found.to_frame()["auroc"].mean() == pytest.approx(0.5, abs=0.06)
    assert found.at_chance > 0.8 * len(found.cells)
    assert f"In {found.at_chance} of the cells the interval of AUROC contains 0.5" in found.sentence()


def plain(method, X, y):
    """A direction and its scores, in as few lines as can be."""
    scale = StandardScaler().fit(X)
    if method == "logistic":
        weights = LogisticRegression(C=0.1, max_iter=500).fit(scale.transform(X), y).coef_[0]
    else:
        weights = scale.transform(X)[y == 1].mean(axis=0) - scale.transform(X)[y == 0].mean(axis=0)
    return lambda other: scale.transform(other) @ weights


@pytest.mark.parametrize("method", ["logistic", "difference-of-means"])
def test_a_cell_equals_cross_validation_computed_plainly(method):
    frame = answers()
    states = planted(frame)
    found = crossed(frame, states, LAYERS, CrossedSettings((method,), layer_step=2))
    (cell,) = [c for c in found.cells if (c.source, c.wording, c.layer) == ("shops", 1, 2)]
    here = ((frame["source"] == "shops") & (frame["wording"] == 1)).to_numpy()
    part, X = frame[here].reset_index(drop=True), states(2)[here]
    y, honest = part["label"].to_numpy(), (part["mode"] == "honest").to_numpy()
    fold = part["group"].map(fold_of_groups(part["group"].tolist(), y.tolist())).to_numpy()
    scores = np.zeros(len(part))
    for number in range(5):
        test = (fold == number) & ~honest
        score = plain(method, X[honest & (fold != number)], y[honest & (fold != number)])(X[test])
        scores[test] = (score - score.mean()) / score.std()
    assert cell.area.auroc == pytest.approx(auroc(y[~honest], scores[~honest]), abs=1e-3)
    assert cell.n_train == 48 and cell.area.positive == 30


def test_no_group_is_judged_by_what_saw_it():
    """A state that names its group would be told apart at once if one group stood on two sides."""
    frame = answers(sources=SOURCES[:1])
    named = np.eye(60)[frame["number"]]
    found = crossed(frame, lambda layer: named, LAYERS, CrossedSettings())
    assert found.to_frame()["auroc"].between(0.35, 0.65).all()


def test_missing_cells_are_named():
    frame = answers()
    states = planted(frame)
    holes = frame[~((frame["source"] == "shops") & (frame["wording"] == 1))]
    with pytest.raises(ProbeError, match=r"shops, wording 1, every method \(no answers\)"):
        crossed(holes, states, LAYERS, CrossedSettings())
    alike = frame.assign(
        dropped=(frame["source"] == "films") & (frame["wording"] == 2) & (frame["label"] == 0)
    )
    with pytest.raises(ProbeError, match=r"films, wording 2, every method \(24 .* of one class"):
        crossed(alike, states, LAYERS, CrossedSettings())
    with pytest.raises(ProbeError, match=r"films, wording 0, ttpd .*needs statements") as told:
        crossed(frame, states, LAYERS, CrossedSettings(("logistic", "ttpd")))
    assert "logistic" not in str(told.value)
    with pytest.raises(ProbeError, match="no answers in mode flip to judge on"):
        crossed(frame, states, LAYERS, CrossedSettings(test="flip"))


def test_settings_that_make_no_sense_and_cancelling_are_told():
    frame = answers()
    with pytest.raises(ProbeError, match="unknown method 'x'"):
        CrossedSettings(("x",))
    with pytest.raises(ProbeError, match="choose 1 or more"):
        CrossedSettings(layer_step=0)
    with pytest.raises(ProbeError, match="leaves none of layers 1 to 3"):
        crossed(frame, planted(frame), LAYERS, CrossedSettings(layer_step=4))
    with pytest.raises(Cancelled):
        crossed(frame, planted(frame), LAYERS, CrossedSettings(), cancelled=lambda: True)


def test_an_auroc_of_1_is_kept_off_it_and_a_variance_is_its_intervals():
    perfect = CrossedCell(0, "films", "logistic", 1, Area(1.0, (0.9, 1.0), 50, 25), 40)
    assert perfect.clipped and perfect.logit == pytest.approx(np.log(99))
    assert perfect.sampling_variance == pytest.approx(((np.log(99) - np.log(9)) / 1.959964) ** 2)
    worst = replace(perfect, area=Area(0.0, (0.0, 0.1), 50, 25))
    assert worst.logit == pytest.approx(-perfect.logit)
    assert worst.sampling_variance == pytest.approx(perfect.sampling_variance)
    centre, spread = np.log(0.8 / 0.2), 0.3
    ends = tuple(1 / (1 + np.exp(-(centre + side * 1.959964 * spread))) for side in (-1, 1))
    usual = replace(perfect, area=Area(0.8, ends, 50, 25))
    assert not usual.clipped and usual.sampling_variance == pytest.approx(spread**2)
    below = replace(perfect, area=Area(0.2, (1 - ends[1], 1 - ends[0]), 50, 25))
    assert below.sampling_variance == pytest.approx(spread**2)


def store_run(store, run, source, wordings, content="one", **changes):
    """A complete run with planted states; `changes` are of its settings."""
    frame = answers((source,), wordings)
    settings = HarvestSettings(DataSettings(source, 60), BUILT_IN["review"], wordings=wordings, **changes)
    facts = {"model": "made", "model_content": content, "adapter": None}
    facts |= {"layers": LAYERS, "d_model": WIDTH}
    asked = frame.drop_duplicates("number")
    questions = [
        Question(r.question, r.text, r.label, ("No", "Yes"), source, r.group) for r in asked.itertuples()
    ]
    store.begin(run, settings.to_dict(), facts, len(frame), questions)
    states = planted(frame)
    store.states(run).create(("prompt",), len(frame), LAYERS, WIDTH, 64)
    store.states(run).write("prompt", 0, np.stack([states(layer) for layer in range(LAYERS)], axis=1))
    given = {"generated": "", "ids": "[]", "p_0": 0.5, "p_1": 0.5, "outside": 0.0, "leans": 0}
    given |= {"leans_calibrated": 0, "offset": 0.0, "spellings": "[]", "top": "[]", "prompt_tokens": 3}
    kept = frame[["answer", "number", "mode", "wording", "order", "demo_set", "sample", "said"]]
    store.add_answers(run, [given | row for row in kept.to_dict("records")])
    store.finish(run)


@pytest.fixture
def store(tmp_path):
    """Films under wordings 0 and 1 in one run and 2 in another; shops under all three."""
    store = RunStore(tmp_path)
    store_run(store, "films-01", "films", (0, 1))
    store_run(store, "films-2", "films", (2,))
    store_run(store, "shops", "shops", WORDINGS)
    return store


RUNS = ["films-01", "films-2", "shops"]


def test_the_command_gives_its_names_and_finds_itself_again(store, tmp_path, capsys, monkeypatch):
    asked = ["sweep", *RUNS, "--method", "logistic", "--method", "lda", "--csv", str(tmp_path / "grid.csv")]
    assert main([*asked, "--json", "--cache", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    names = {"components", "cells", "levels", "sampling_variance", "clipped", "notes", "sentence"}
    assert names <= set(found) and found["largest"] == "wording"
    assert found["levels"]["wording"] == [0, 1, 2] and len(found["cells"]) == 2 * 3 * 2 * 3
    assert all(cell["low"] <= cell["auroc"] <= cell["high"] for cell in found["cells"])
    assert list(pd.read_csv(tmp_path / "grid.csv"))[:5] == ["wording", "source", "method", "layer", "auroc"]
    monkeypatch.setattr(module, "crossed", None)  # nothing is computed twice
    assert main([*asked, "--cache", str(tmp_path)]) == 0
    assert capsys.readouterr().out.rstrip().endswith(found["sentence"])


def test_runs_that_do_not_fit_together_are_refused(store):
    quick = CrossedSettings(layer_step=3)
    with pytest.raises(ProbeError, match="films, wording 2, every method"):
        crossed_of_runs(store, ["films-01", "shops"], quick)
    store_run(store, "films-1", "films", (1,))
    with pytest.raises(ProbeError, match="both hold films, wording 1"):
        crossed_of_runs(store, [*RUNS, "films-1"], quick)
    store_run(store, "films-shown", "films", (2,), shots=2)
    with pytest.raises(ProbeError, match="both of films and differ in shots, demo_sets"):
        crossed_of_runs(store, ["films-01", "films-shown"], quick)
    store_run(store, "elsewhere", "shops", WORDINGS, content="another")
    with pytest.raises(ProbeError, match="not of one model"):
        crossed_of_runs(store, ["films-01", "films-2", "elsewhere"], quick)
