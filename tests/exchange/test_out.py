"""What leaves the store: every format opened again with the tools that it is for, and equal to the run."""

import json
import warnings

import datasets
import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

from core.cli import main
from core.exchange import run_folder, run_parts
from core.exchange.layer_names import layer_name
from core.exchange.run_dataset import states_column
from core.labels_of_run import labelled
from core.probes.by_layer import ProbeReport
from core.probes.of_run import probe_run
from core.probes.rows import ProbeSettings
from core.probes.saved import SavedProbes, with_origin
from core.store.runs import RunStore
from tests.conftest import beside
from tests.contrast_runs import made_run
from tests.shift_runs import store_run

RUN, PAIRS = "plain-run", "pairs"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A run with planted states and two decisions, and one with contrast pairs."""
    folder = tmp_path_factory.mktemp("out")
    store = RunStore(folder)
    store_run(store, RUN, "plain", {3: 1.5}, 1)
    made_run(store, PAIRS, n=40)
    told = ["decisions", "drop", RUN, "--answer", "1", "--answer", "4", "--cache", str(folder)]
    assert main([*told, "--reason", "duplicate"]) == 0
    return store


@pytest.fixture
def tell(store, capsys):
    """Runs a command that succeeds; gives the object on stdout."""

    def call(*arguments):
        assert main([*map(str, arguments), "--json", "--cache", str(store.cache)]) == 0
        return json.loads(capsys.readouterr().out)

    return call


@pytest.fixture
def refuse(store, capsys):
    """Runs a command that is refused; gives its one line."""

    def call(*arguments):
        assert main([*map(str, arguments), "--cache", str(store.cache)]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("telltale: ") and err.count("\n") == 1
        return err

    return call


def states_of(store, run, position, layer):
    return store.layer(run, position, layer, labelled(store, run)["answer"].to_numpy())


def test_a_folder_holds_the_run_and_its_readme_opens_it(store, tell, tmp_path, monkeypatch):
    monkeypatch.setattr(run_parts, "AT_ONCE", 100)  # several parts of a layer
    made = tell("export", RUN, "--format", "folder", "--file", tmp_path / "out")
    assert made["answers"] == 320 and made["positions"] == ["prompt"] and made["layers"] == 3
    frame = labelled(store, RUN)
    monkeypatch.chdir(tmp_path / "out")
    readme = (tmp_path / "out" / "README.md").read_text()
    opened: dict = {}
    exec(readme.split("```python\n")[1].split("```")[0], opened)
    assert (opened["layer_2"] == states_of(store, RUN, "prompt", 2)).all()
    back = opened["answers"]
    assert list(back) == list(frame) and len(back) == len(frame)
    for name in frame:
        assert (back[name].eq(frame[name]) | (back[name].isna() & frame[name].isna())).all(), name
    assert opened["answers"]["dropped"].sum() == 2
    decisions = pd.read_csv("decisions.csv")
    assert sorted(decisions["answer"]) == [1, 4]
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["settings"] == store.run(RUN).settings and record["facts"]["layers"] == 3
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_a_run_of_open_questions_is_exported_without_its_tokens(cache, tiny, tmp_path, capsys):
    lab = str(beside(cache, tmp_path))
    asked = ["--data", "open-numbers", "--n", "6", "--model", str(tiny), "--max-new-tokens", "2"]
    assert main(["harvest", *asked, "--cache", lab]) == 0
    (run,) = RunStore(tmp_path).runs()
    for form in ("folder", "dataset"):
        assert (
            main(["export", run.run, "--format", form, "--file", str(tmp_path / form), "--cache", lab]) == 0
        )
    answers = pd.read_parquet(tmp_path / "folder" / "answers.parquet")
    assert answers["outcome"].tolist() == datasets.load_from_disk(tmp_path / "dataset")["outcome"][:]
    assert "every generated token" in (tmp_path / "folder" / "README.md").read_text()


def test_each_layer_has_its_name_in_transformer_lens(store, tell, tmp_path):
    tell("export", PAIRS, "--format", "folder", "--file", tmp_path / "out")
    for position in ("prompt", "choice_0", "choice_1"):
        with safe_open(tmp_path / "out" / f"states-{position}.safetensors", "numpy") as file:
            assert set(file.keys()) == {
                "blocks.0.hook_resid_pre",
                "blocks.0.hook_resid_post",
                "blocks.1.hook_resid_post",
            }
            for layer in range(3):
                stored = states_of(store, PAIRS, position, layer)
                assert (file.get_tensor(layer_name(layer)) == stored).all()
            assert file.metadata() == {"run": PAIRS, "position": position}


def test_a_dataset_folder_is_opened_by_datasets_with_its_states(store, tell, tmp_path):
    wanted = ("--layer", 2, "--layer", 0, "--position", "prompt", "--position", "choice_1")
    made = tell("export", PAIRS, "--format", "dataset", "--file", tmp_path / "set", *wanted)
    opened = datasets.load_from_disk(tmp_path / "set")
    assert made["columns"] == [states_column(p, n) for p in ("prompt", "choice_1") for n in (2, 0)]
    for position in ("prompt", "choice_1"):
        for layer in (0, 2):
            column = states_column(position, layer)
            assert opened.features[column].length == 24
            found = opened.with_format("numpy")[column][:]
            assert (np.asarray(found) == states_of(store, PAIRS, position, layer)).all()
    frame = labelled(store, PAIRS)
    assert opened["answer"][:] == frame["answer"].tolist()
    assert opened["verdict"][:] == frame["verdict"].tolist()


def test_a_dataset_has_all_layers_at_the_prompt_by_default(tell, tmp_path):
    made = tell("export", RUN, "--format", "dataset", "--file", tmp_path / "set")
    assert made["columns"] == [states_column("prompt", layer) for layer in range(3)]
    assert len(datasets.load_from_disk(tmp_path / "set")) == 320


def test_answers_and_a_layer_are_written_as_before(store, tell, tmp_path):
    tell("export", RUN, "--file", tmp_path / "answers.csv")
    assert len(pd.read_csv(tmp_path / "answers.csv")) == 320
    tell("export", RUN, "--file", tmp_path / "layer.npy", "--layer", 1)
    assert (np.load(tmp_path / "layer.npy") == states_of(store, RUN, "prompt", 1)).all()


@pytest.mark.parametrize("form", ["folder", "dataset"])
def test_nothing_is_written_over_and_nothing_is_left_of_what_fails(
    store, refuse, tmp_path, monkeypatch, form
):
    (tmp_path / "there").mkdir()
    out = ("export", RUN, "--format", form, "--file")
    assert "there already" in refuse(*out, tmp_path / "there")
    assert "cannot be written" in refuse(*out, tmp_path / "no" / "such" / "folder")
    assert "cannot be written" in refuse(*out, tmp_path / ("x" * 300))
    chunk = store.states(RUN).folder / "prompt" / "c" / "2" / "1" / "0"
    content = chunk.read_bytes()
    chunk.write_bytes(content[:-40])
    try:
        assert "cut short" in refuse(*out, tmp_path / "new")
    finally:
        chunk.write_bytes(content)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_what_an_export_has_no_place_for_is_refused(refuse, tmp_path):
    out = ("export", RUN, "--file", tmp_path / "x")
    assert "no layer 3" in refuse(*out, "--format", "dataset", "--layer", 3)
    assert "no states at position 'mean'" in refuse(*out, "--format", "dataset", "--position", "mean")
    assert "leave --layer" in refuse(*out, "--format", "folder", "--layer", 1)
    assert "one layer at one position" in refuse(*out, "--layer", 1, "--layer", 2)
    assert not (tmp_path / "x").exists()


def test_an_empty_run_is_not_exported(store, tmp_path):
    run = store.run(RUN)
    store.begin("empty", run.settings, run.facts, 4, store.questions(RUN)[:2])
    with pytest.raises(Exception, match="no answers yet"):
        run_folder.export_folder(store, "empty", tmp_path / "out")
    store.delete("empty")


@pytest.fixture(scope="module")
def report(store) -> ProbeReport:
    return probe_run(store, RUN, ProbeSettings(permutations=0))


@pytest.fixture
def control_vector():
    """repeng's own reader of control vectors, which asks NumPy for a name that NumPy 2 lacks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "float_", np.float64, raising=False)
        return pytest.importorskip("repeng").ControlVector


def test_a_kept_probe_is_read_by_repeng_as_a_control_vector(store, report, tell, control_vector, tmp_path):
    run = store.run(RUN)
    SavedProbes(store.cache).save("mine", with_origin(report, run, run))
    made = tell("probes", "--export", "mine", "--file", tmp_path / "mine.gguf")
    with warnings.catch_warnings(action="error"):
        vector = control_vector.import_gguf(tmp_path / "mine.gguf")
    assert made["blocks"] == [1] == list(vector.directions) and made["scale"] == "unit"
    assert vector.model_type == "made"
    ours = report.bundle.vectors[2]
    assert np.linalg.norm(vector.directions[1]) == pytest.approx(1, abs=1e-6)
    assert vector.directions[1] @ ours == pytest.approx(np.linalg.norm(ours), rel=1e-6)
    vector.export_gguf(tmp_path / "again.gguf")  # as repeng writes it itself
    again = control_vector.import_gguf(tmp_path / "again.gguf")
    assert (again.directions[1] == vector.directions[1]).all()
