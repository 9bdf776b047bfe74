"""Probes that people keep: found again with all that they know, and useless on another model."""

import json

import numpy as np
import pytest

from core.cli import main
from core.errors import ProbeError
from core.probes.bundle import FittedProbe
from core.probes.of_run import probe_run
from core.probes.rows import ProbeSettings
from core.probes.saved import SavedProbes, check_model, in_words, with_origin
from core.store.runs import RunStore
from tests.conftest import beside

NAME = "truth, honest <b>reviews</b>/../x"


@pytest.fixture(scope="module")
def lab(cache, tiny, tmp_path_factory):
    """A cache with a run of the tiny model, and its probe."""
    folder = beside(cache, tmp_path_factory.mktemp("saved"))
    asked = ["harvest", "--data", "movie-reviews", "--n", "60", "--model", str(tiny), "--cache", str(folder)]
    assert main(asked) == 0
    store = RunStore(folder)
    [run] = store.runs()
    report = probe_run(store, run.run, ProbeSettings(permutations=0))
    return folder, run, report, with_origin(report, run, run)


def test_a_kept_probe_is_found_with_what_it_was_trained_on(lab, tmp_path):
    _, run, report, probe = lab
    saved = SavedProbes(tmp_path)
    path = saved.save(f"  {NAME} ", probe)
    assert path.parent == tmp_path / "probes" and list(saved.facts()) == [NAME]
    again = saved.load(NAME)
    states = np.random.default_rng(0).normal(size=(5, *probe.vectors.shape))
    assert np.allclose(again.scores(states), probe.scores(states)) and again.layer == report.layer
    for kept in (probe, again):
        assert f"layer {report.layer}, trained on honest answers of run {run.run}" in in_words(kept.all_facts)
    assert again.facts["auroc"] == report.chosen.test.auroc and again.facts["n_train"] == report.n_train
    assert again.facts["run"] == run.run and again.facts["model_content"] == run.facts["model_content"]
    check_model(again, run)
    assert saved.of_model(run) == [NAME]
    saved.delete(NAME)
    saved.delete(NAME)
    assert saved.facts() == {}
    with pytest.raises(ProbeError, match="no saved probe"):
        saved.load(NAME)


def test_another_models_states_are_refused(lab, tmp_path):
    from dataclasses import replace

    _, run, _, probe = lab
    for change in ({"model": "another"}, {"d_model": 64}, {"layers": 9}):
        other = replace(run, facts=run.facts | change)
        with pytest.raises(ProbeError, match="its own model alone"):
            check_model(probe, other)
        SavedProbes(tmp_path).save("p", probe)
        assert SavedProbes(tmp_path).of_model(other) == []
    check_model(probe, replace(run, facts=run.facts | {"model_content": "with another adapter"}))
    liars = replace(probe, facts=probe.facts | {"model": "smollm2-135m-liar"})
    check_model(liars, replace(run, facts=run.facts | {"model": "smollm2-135m-instruct"}))


def test_an_export_is_taken_in_elsewhere_and_what_is_no_probe_is_not(lab, tmp_path):
    _, _, _, probe = lab
    saved = SavedProbes(tmp_path)
    content = saved.save("mine", probe).read_bytes()
    elsewhere = SavedProbes(tmp_path / "other")
    assert elsewhere.add(content) == "mine" and elsewhere.add(content, "yours") == "yours"
    assert list(elsewhere.facts()) == ["mine", "yours"]
    bare = FittedProbe(**{**vars(probe), "facts": {"target": "truth", "position": "prompt"}})
    nan = FittedProbe(**{**vars(probe), "intercepts": np.full_like(probe.intercepts, np.nan)})
    short = FittedProbe(**{**vars(probe), "platt": probe.platt[:1]})
    for wrong in (b"", b"no", content[:200], bare.to_bytes(), nan.to_bytes(), short.to_bytes()):
        with pytest.raises(ProbeError):
            elsewhere.add(wrong, "wrong")
    assert list(elsewhere.facts()) == ["mine", "yours"]
    assert {path.suffix for path in elsewhere.folder.iterdir()} == {".safetensors"}
    next(elsewhere.folder.iterdir()).write_bytes(b"damaged")
    assert len(elsewhere.facts()) == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_names_that_are_none_are_refused(lab, tmp_path, name):
    with pytest.raises(ProbeError, match="1 to 100 characters"):
        SavedProbes(tmp_path).save(name, lab[3])


def test_commands_keep_list_export_and_score_with_a_probe(lab, tmp_path, capsys):
    folder, run, report, _ = lab

    def told(*options):
        assert main([*options, "--json", "--cache", str(folder)]) == 0
        return json.loads(capsys.readouterr().out)

    assert told("probe", run.run, "--permutations", "0", "--save", "mine")["saved"] == "mine"
    listed = told("probes")["probes"]
    assert [entry["name"] for entry in listed] == ["mine"] and listed[0]["auroc"] == report.chosen.test.auroc
    told("probes", "--export", "mine", "--file", str(tmp_path / "mine.safetensors"))
    assert FittedProbe.load(tmp_path / "mine.safetensors").layer == report.layer
    told("probes", "--add", str(tmp_path / "mine.safetensors"), "--name", "again")
    assert [entry["name"] for entry in told("probes")["probes"]] == ["again", "mine"]
    fitted = told("score", run.run, "--text", "A warm film.")
    kept = told("score", run.run, "--probe", "mine", "--text", "A warm film.")
    assert kept["scores"][0]["score"] == pytest.approx(fitted["scores"][0]["score"])
    told("probes", "--delete", "again")
    assert main(["score", run.run, "--probe", "again", "--text", "x", "--cache", str(folder)]) == 2
    assert "no saved probe 'again'" in capsys.readouterr().err
