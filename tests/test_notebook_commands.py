"""`import core` for what runs are brought in, pruned, kept and taken out with: as a notebook would."""

import pandas as pd
import pytest
from datasets import load_from_disk

import core
from core.cli import main
from core.errors import DataError, ProbeError, StoreError, TelltaleError
from core.store.runs import Run
from tests.conftest import beside
from tests.docs.written import ROOT
from tests.exchange.brought import LAYERS, WIDTH, N, bring, states_of, table

QUIET = {"show": False}
GRID = {"template": "review", "wording": 0, "shots": 0, "order": 0, "system": True}


@pytest.fixture(scope="module")
def folder(cache, tmp_path_factory):
    return beside(cache, tmp_path_factory.mktemp("commands"))


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """A run of states from elsewhere, in which the truth is planted."""
    states, labels = bring(tmp_path_factory.mktemp("brought"))
    return core.import_states(states, labels, model="planted", name="mine", cache=folder, **QUIET)


@pytest.fixture
def own(tmp_path):
    """A run in a cache of its own, for a test that changes what is kept of it."""
    states, labels = bring(tmp_path)
    return core.import_states(states, labels, cache=tmp_path / "cache", **QUIET), tmp_path / "cache"


@pytest.fixture(scope="module")
def asked(folder, tiny):
    """A run of what a search found best, and the search."""
    found = core.elicit_lies("amazon-reviews", 8, model=tiny, **GRID, cache=folder, **QUIET)
    best = core.winner_of(found, 12, cache=folder)
    return core.harvest(**best, position="prompt", cache=folder, **QUIET), found


def test_a_search_is_a_table_and_its_winner_is_harvested(asked, folder):
    run, found = asked
    frame = found.to_frame()
    assert frame["lie_rate_n"].tolist() == [8] and frame["score"][0] == found["winner"]["score"]
    assert f"elicitation {found['elicitation']}" in repr(found) and "← winner" in repr(found)
    assert run.settings["data"]["left_out"] == found["elicitation"] and run.planned == 24
    used = set(core.answers_of(run, cache=folder)["question"])
    assert used <= set(
        core.questions("amazon-reviews", left_out=found["elicitation"], cache=folder)["question"]
    )


def test_a_model_is_described(tiny, folder):
    found = core.model_facts(tiny, cache=folder)
    assert (found["blocks"], found["d_model"]) == (3, 32) and "3 blocks" in repr(found)


def test_a_liar_is_trained_and_lies_in_a_folder(folder, tiny):
    found = core.train_liar(tiny, steps=1, quick=True, exam=0, cache=folder, **QUIET)
    assert found["adapter"] in repr(found)
    described = core.model_facts(tiny, adapter=found["adapter"], cache=folder)
    assert described["adapter"] == found["adapter"]


def test_a_run_is_written_as_a_dataset_a_folder_and_files(run, folder, tmp_path):
    made = core.export(run, tmp_path / "set", format="dataset", layer=2, cache=folder, **QUIET)
    rows = load_from_disk(str(tmp_path / "set"))
    assert made["answers"] == len(rows) == 2 * N and "load_from_disk" in repr(made)
    assert len(rows[0]["prompt.blocks.1.hook_resid_post"]) == WIDTH
    whole = core.export(run.run, tmp_path / "whole", format="folder", cache=folder, **QUIET)
    assert whole["layers"] == LAYERS and (tmp_path / "whole" / "states-prompt.safetensors").is_file()
    core.export(run, tmp_path / "answers.csv", cache=folder)
    assert len(pd.read_csv(tmp_path / "answers.csv")) == 2 * N


def test_answers_from_elsewhere_are_read_off_policy(folder, tiny):
    log = ROOT / "tests" / "exchange" / "inspect.eval"
    brought = core.import_answers(log, tiny, name="log", cache=folder, **QUIET)
    assert isinstance(brought, Run) and brought.facts["off_policy"] and "off-policy: log" in repr(brought)
    with pytest.raises(DataError, match=r"none\.jsonl"):
        core.import_answers("none.jsonl", tiny, cache=folder, **QUIET)


def test_what_is_left_out_of_states_is_warned_of(tmp_path):
    frame = table()
    states = states_of(frame)
    states[3, 1, 0] = float("nan")
    files = bring(tmp_path, frame, states)
    with pytest.warns(UserWarning, match="the states of 1 answers of run .* are not finite"):
        core.import_states(*files, cache=tmp_path / "cache", **QUIET)


def test_what_is_decided_stands_and_travels(own, tmp_path):
    run, cache = own
    lies = core.answers_of(run, cache=cache).query("mode == 'lie'")["answer"][:2]
    made = core.decide(run, "drop", lies, "other", who="one", cache=cache)
    assert made["answer"].tolist() == lies.tolist() and set(made["who"]) == {"one"}
    file = core.export_decisions(run, tmp_path / "decisions.csv", cache=cache)
    assert core.undo(run, "one", cache=cache).empty and len(core.redo(run, "one", cache=cache)) == 2
    core.decide(run, "keep", int(lies.iloc[0]), who="two", cache=cache)
    assert core.agreement_of(run, cache=cache)["n"].tolist() == [1]
    assert core.disagreements_of(run, cache=cache)["answer"].tolist() == [lies.iloc[0]]
    again = core.import_decisions(run, file, who="three", cache=cache)
    assert again["action"].tolist() == ["drop", "drop"] and core.decisions(run, cache=cache).equals(again)
    pushed = core.push("run", run, to_folder=tmp_path / "pushed", layer=2, cache=cache, **QUIET)
    assert len(load_from_disk(pushed["folder"])) == 2 * N - 2 and "nothing was sent" in repr(pushed)


def test_rules_mark_and_are_applied(own):
    run, cache = own
    found = core.rules(run, "duplicate", cache=cache)
    frame = found.to_frame().set_index("name")
    assert frame.index[frame["on"]].tolist() == ["duplicate"] and frame["marks"]["duplicate"] == found["new"]
    assert "kind     rule" in repr(found)
    with pytest.raises(StoreError, match="unknown rule 'twice'"):
        core.rules(run, "twice", cache=cache)


def test_beliefs_and_calibration_are_said(asked, folder):
    run, _ = asked
    assert core.beliefs_of(run, cache=folder)["margin"] > 0.5
    curves = core.calibration_of(run, cache=folder)
    assert curves["method"] == "content-free" and len(curves.to_frame()) == len(curves["curves"]) > 0


def test_runs_are_found_remarked_on_deleted_and_taken_back(own):
    run, cache = own
    assert core.tag(run, "pilot", "first", cache=cache).tags == ("pilot", "first")
    assert core.untag(run, "first", cache=cache).tags == ("pilot",)
    assert core.note(run, "asked twice", cache=cache).note == "asked twice"
    assert core.runs("pilot", cache=cache)["run"].tolist() == [run.run] and core.runs("no", cache=cache).empty
    assert core.summary_of(run, cache=cache).to_frame()["note"].tolist() == ["asked twice"]
    core.delete(run, cache=cache)
    assert core.runs(cache=cache).empty and core.trash(cache=cache)["run"].tolist() == [run.run]
    assert core.restore(run, cache=cache) == run
    core.delete(run, cache=cache)
    assert core.empty_trash(cache=cache) > 0 and core.trash(cache=cache).empty


def test_shards_are_merged(cache, tiny, tmp_path):
    folder = beside(cache, tmp_path)
    words = (
        "--data",
        "amazon-reviews",
        "--n",
        "12",
        "--model",
        tiny,
        "--position",
        "prompt",
        "--cache",
        folder,
    )
    for shard in ("1/2", "2/2"):
        assert main(["harvest", *map(str, words), "--shard", shard]) == 0
    made = core.merge(cache=folder, **QUIET)
    assert made["missing"].tolist() == [0] and core.runs(cache=folder)["state"].tolist() == ["complete"]


def test_a_probe_is_kept_taken_elsewhere_and_pushed(run, asked, folder, tmp_path):
    core.probe(run, permutations=0, save="mine", cache=folder, **QUIET)
    assert core.saved_probes(cache=folder)["name"].tolist() == ["mine"]
    assert core.saved_probe("mine", cache=folder).vectors.shape == (LAYERS, WIDTH)
    file = core.export_probe("mine", tmp_path / "probe.safetensors", cache=folder)
    assert core.add_probe(file, "again", cache=folder) == "again"
    core.delete_probe("mine", cache=folder)
    assert core.saved_probes(cache=folder)["name"].tolist() == ["again"]
    pushed = core.push("probe", "again", to_folder=tmp_path / "pushed", cache=folder, **QUIET)
    assert (tmp_path / "pushed" / "README.md").is_file() and "README.md" in pushed["files"]
    with pytest.raises(ProbeError, match="no saved probe 'mine'"):
        core.score(run, ["A lovely film."], "mine", cache=folder, **QUIET)
    with pytest.raises(ProbeError, match="probe 'again' was trained on planted"):
        core.score(asked[0], ["A lovely film."], "again", cache=folder, **QUIET)


def test_a_file_of_statements_is_read(run, folder, tmp_path):
    (tmp_path / "said.txt").write_text("true: Snow is white.\nQ: Is it? | A: No.\n")
    first, second = core.statements_in(tmp_path / "said.txt", run, cache=folder)
    assert (first.text, first.label, second.question) == ("Snow is white.", 1, "Is it?")


def test_a_grid_of_probes_is_a_table_and_a_sentence(run, folder):
    found = core.sweep([run], cache=folder, **QUIET)
    assert len(found.to_frame()) == 2 * (LAYERS - 1) and found["sentence"] in repr(found)


def test_charts_are_written(run, folder, tmp_path):
    files = core.write_figures(run, tmp_path / "charts", "html", cache=folder, **QUIET)
    assert files and all(file.is_file() for file in files)


def test_what_cannot_be_chosen_is_refused(run, folder, tmp_path):
    with pytest.raises(TelltaleError, match="format is 'parquet': choose folder, dataset"):
        core.export(run, tmp_path / "run", format="parquet", cache=folder)
    with pytest.raises(TelltaleError, match="engine is 'dask': choose local, ray"):
        core.harvest(data="amazon-reviews", engine="dask", cache=folder)
    with pytest.raises(DataError, match="say where"):
        core.push("run", run, cache=folder)
    with pytest.raises(StoreError, match="unknown action 'undo': choose keep, drop, unsure"):
        core.decide(run, "undo", 1, cache=folder)
    with pytest.raises(StoreError, match="there is no elicitation 'none'"):
        core.winner_of("none", cache=folder)


def test_the_doctor_gives_a_table(tmp_path):
    checks = core.doctor(cache=tmp_path, **QUIET).set_index("name")
    assert checks["ok"]["python"] and not checks["ok"]["embedded model"]
