"""What a harvest will take of the disk is known before it begins, near enough to warn by."""

import pytest

from core.cli import main
from core.engine.settings import HarvestSettings
from core.errors import StoreError
from core.models.catalog import ModelSettings
from core.models.loading import load_model
from core.models.shape import shape_of
from core.store.disk import BUDGET, budget, harvest_bytes, run_bytes, warning
from core.store.runs import RunStore
from tests.conftest import beside


def test_the_size_is_that_of_the_finished_run_within_a_quarter(cache, tmp_path, capsys):
    folder = beside(cache, tmp_path)
    assert main(["harvest", "--data", "movie-reviews", "--n", "64", "--cache", str(folder)]) == 0
    [run] = RunStore(folder).runs()
    settings = HarvestSettings.from_dict(run.settings)
    assert settings.answers_to(64) == run.answers == 128
    layers, d_model = shape_of(settings.model, folder)
    assert (layers, d_model) == (run.facts["layers"], run.facts["d_model"])
    said = harvest_bytes(run.answers, settings.vectors, layers, d_model)
    assert said == pytest.approx(run_bytes(folder, run.run), rel=0.25)


def test_a_shape_is_read_as_the_loaded_model_has_it(cache, tiny, tmp_path):
    loaded = load_model(ModelSettings(str(tiny)), cache)
    assert shape_of(loaded.settings, cache) == (loaded.layers, loaded.d_model)
    assert shape_of(ModelSettings("somebody/somewhere"), cache) is None
    assert shape_of(ModelSettings(str(tmp_path)), cache) is None


def test_the_budget_counts_runs_and_trash_and_warns_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.delenv(BUDGET, raising=False)
    assert budget() is None and warning(tmp_path, 1000) is None
    assert "free: make room" in warning(tmp_path, 1 << 60)
    for place in ("runs/a", "trash/b"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "chunk").write_bytes(b"x" * 400_000)
    monkeypatch.setenv(BUDGET, "0.001")
    assert warning(tmp_path, 199_000) is None
    assert "passes the budget of 1 MB" in warning(tmp_path, 201_000)
    for wrong in ("much", "-1", "nan", "inf", "0"):
        monkeypatch.setenv(BUDGET, wrong)
        with pytest.raises(StoreError, match=BUDGET):
            budget()


def test_a_harvest_that_passes_the_budget_says_so_and_goes_on(cache, tiny, tmp_path, monkeypatch, capsys):
    folder = beside(cache, tmp_path)
    monkeypatch.setenv(BUDGET, "0.00001")
    asked = ["harvest", "--data", "movie-reviews", "--n", "8", "--model", str(tiny), "--cache", str(folder)]
    assert main(asked) == 0
    told = capsys.readouterr()
    assert "passes the budget" in told.err and "16 answers, made" in told.out
    assert main(asked) == 0
    assert "budget" not in capsys.readouterr().err, "nothing is left to be written"
