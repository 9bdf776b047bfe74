"""Cross-validation and transfer: what was planted carries over, and what was not does not."""

import json

import numpy as np
import pytest

from core.cli import main
from core.errors import Cancelled, ProbeError
from core.probes import transfer as module
from core.probes.cross_validated import cross_validate
from core.probes.rows import ProbeSettings
from core.probes.transfer import known_transfer, to_frame, transfer
from core.store.runs import RunStore
from tests.conftest import beside
from tests.test_probes import answers, planted

QUICK = ProbeSettings(permutations=0)


def test_each_fold_chooses_its_layer_and_everything_is_judged_once():
    frame = answers()
    found = cross_validate(frame, planted(frame), 4, QUICK)
    assert set(found.layers) == {1} and len(found.layers) == 5
    assert found.area.n == 120 and found.area.auroc > 0.9 and 60 <= found.n_train <= 80
    blind = cross_validate(frame, planted(frame), 4, ProbeSettings(permutations=0, rule="honest"))
    assert 2 in blind.layers and blind.area.auroc < found.area.auroc


@pytest.mark.parametrize("method", ["logistic", "difference-of-means"])
def test_labels_that_mean_nothing_give_chance(method):
    frame = answers()
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(3, len(frame), 30))
    found = cross_validate(frame, noise.__getitem__, 3, ProbeSettings(method, permutations=0))
    assert found.area.ci[0] < 0.5 < found.area.ci[1]


def test_no_group_is_judged_by_what_saw_it():
    """A state that names its group would be told apart at once if one group stood on two sides."""
    frame = answers()
    number = frame["group"].str[1:].astype(int).to_numpy()
    named = np.eye(number.max() + 1)[number]
    found = cross_validate(frame, lambda layer: named, 1, QUICK)
    assert found.area.auroc == pytest.approx(0.5, abs=0.15)


def test_cancelling_and_one_class_are_told():
    frame = answers()
    with pytest.raises(Cancelled):
        cross_validate(frame, planted(frame), 4, QUICK, cancelled=lambda: True)
    with pytest.raises(ProbeError, match="one class of target 'said'"):
        cross_validate(
            frame.assign(said=1.0), planted(frame), 4, ProbeSettings(target="said", permutations=0)
        )


@pytest.fixture(scope="module")
def lab(cache, tiny, tmp_path_factory):
    """A cache with two runs of the tiny model, on other questions."""
    folder = beside(cache, tmp_path_factory.mktemp("transfer"))
    for data in ("movie-reviews", "amazon-reviews"):
        asked = ["harvest", "--data", data, "--n", "40", "--model", str(tiny), "--cache", str(folder)]
        assert main(asked) == 0
    return folder


def test_the_matrix_has_every_cell_and_is_found_again(lab, monkeypatch):
    store = RunStore(lab)
    runs = [run.run for run in store.runs()]
    assert known_transfer(store, runs, QUICK, ["honest", "lie"]) is None
    cells = transfer(store, runs, QUICK, ["honest", "lie"])
    table = to_frame(cells)
    assert len(table) == 8 and table["auroc"].between(0, 1).all() and (table["why"] == "").all()
    own = table[table["trained"] == table["judged"]]
    assert (own["n"] == 40).all() and (own["layers"].str.split().str.len() == 5).all()
    monkeypatch.setattr(module, "_cell", None)  # nothing is computed twice
    assert transfer(store, runs, QUICK, ["honest", "lie"]) == cells
    assert known_transfer(store, runs, QUICK, ["honest", "lie"]) == cells


def test_a_cell_that_cannot_be_had_says_why_and_the_others_stand(lab, capsys, tmp_path):
    runs = [run.run for run in RunStore(lab).runs()]
    asked = [
        "transfer",
        *runs,
        "--judge-mode",
        "lie",
        "--judge-mode",
        "flip",
        "--csv",
        str(tmp_path / "t.csv"),
    ]
    assert main([*asked, "--json", "--cache", str(lab)]) == 0
    cells = json.loads(capsys.readouterr().out)["cells"]
    missing = [cell for cell in cells if cell["mode"] == "flip"]
    assert len(missing) == 4 and all(cell["auroc"] is None and cell["why"] for cell in missing)
    assert all(
        0 <= cell["low"] <= cell["auroc"] <= cell["high"] <= 1 for cell in cells if cell["mode"] == "lie"
    )
    assert (tmp_path / "t.csv").read_text().startswith("trained,judged,mode")
