"""What goes to the hub arrives there whole, with a card that says what it is worth, and no token is shown."""

import json
import shutil

import datasets
import numpy as np
import pytest
from huggingface_hub import ModelCard, constants

from core.cli import main
from core.exchange.hub_wanted import liars_in
from core.labels import mode_summary
from core.labels_of_run import labelled
from core.liar.settings import LiarSettings
from core.liar.train import liar_folder
from core.models.catalog import LIAR_ID, ModelSettings
from core.probes.bundle import FittedProbe
from core.probes.of_run import probe_run
from core.probes.rows import ProbeSettings
from core.probes.saved import SavedProbes, with_origin
from core.store.runs import RunStore
from tests.exchange.hub_stub import Hub
from tests.shift_runs import store_run

RUN, TOKEN = "plain-run", "hf_neverShownToAnybody"
HOSTILE = "mine `rm` | <b>bold</b>"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A run with planted states, three answers dropped, and a probe of it that is kept."""
    store = RunStore(tmp_path_factory.mktemp("push"))
    store_run(store, RUN, "plain", {3: 1.5}, 1)
    told = ["decisions", "drop", RUN, "--answer", "1", "--answer", "4", "--cache", str(store.cache)]
    assert main([*told, "--reason", "duplicate"]) == 0
    assert main([*told[:3], "--answer", "5", "--reason", "said the truth", "--cache", str(store.cache)]) == 0
    report = probe_run(store, RUN, ProbeSettings(permutations=0))
    record = store.run(RUN)
    SavedProbes(store.cache).save(HOSTILE, with_origin(report, record, record))
    return store


@pytest.fixture
def hub(monkeypatch):
    made = Hub()
    monkeypatch.setattr(constants, "ENDPOINT", made.address)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield made
    made.end()


@pytest.fixture
def tell(store, capsys):
    """Runs a command; gives its exit code and what it printed, in which the token never is."""

    def call(*arguments):
        capsys.readouterr()
        code = main([*map(str, arguments), "--cache", str(store.cache)])
        out, err = capsys.readouterr()
        assert TOKEN not in out + err
        return code, out, err

    return call


def test_a_probe_arrives_whole_with_its_held_out_figures(store, hub, tell):
    code, out, _ = tell("push", "probe", HOSTILE, "--to", "somebody/some-probe", "--private", "--json")
    told = json.loads(out)
    assert code == 0 and told["url"] == f"{hub.address}/somebody/some-probe"
    assert hub.made["somebody/some-probe"]["visibility"] == "private" and f"Bearer {TOKEN}" in hub.tokens
    files = hub.files["somebody/some-probe"]
    assert set(files) == {"README.md", "probe.safetensors"} == set(told["files"])
    mine, theirs = (
        SavedProbes(store.cache).load(HOSTILE),
        FittedProbe.from_bytes(files["probe.safetensors"], "x"),
    )
    assert np.array_equal(theirs.vectors, mine.vectors) and theirs.facts == mine.facts
    card = ModelCard(files["README.md"].decode())
    assert card.data.library_name == "telltale" and "probe" in card.data.tags
    low, high = mine.facts["auroc_ci"]
    figure = f"AUROC {mine.facts['auroc']:.3f}, 95 % interval {low:.3f} to {high:.3f}"
    assert figure in card.text and f"on {mine.facts['n_test']:,} `lie` answers" in card.text
    assert f"{mine.facts['n_train']:,} of them" in card.text and "limit, first" in card.text
    assert "# A probe: `mine 'rm' / <b>bold</b>`" in card.text, "a name is code, whatever stands in it"


def test_a_pruned_run_arrives_as_a_dataset_without_what_was_dropped(store, hub, tell, tmp_path):
    asked = ("push", "run", RUN, "--layer", "1", "--layer", "2")
    assert tell(*asked, "--to", "somebody/some-run")[0] == 0
    files = hub.files["datasets/somebody/some-run"]
    for name, content in files.items():
        (tmp_path / "back").mkdir(exist_ok=True)
        (tmp_path / "back" / name).write_bytes(content)
    opened = datasets.load_from_disk(str(tmp_path / "back")).with_format("numpy")
    frame = labelled(store, RUN)
    kept = frame[~(frame["dropped"] | frame["dropped_outcome"])]
    assert len(kept) < len(frame) and opened["answer"][:].tolist() == kept["answer"].tolist()
    for layer, column in ((1, "prompt.blocks.0.hook_resid_post"), (2, "prompt.blocks.1.hook_resid_post")):
        states = store.layer(RUN, "prompt", layer, kept["answer"].to_numpy())
        np.testing.assert_array_equal(opened[column][:], states)
    record = json.loads(files["run.json"])
    assert "note" not in record and "/home" not in files["run.json"].decode()
    card = files["README.md"].decode()
    assert f"{len(kept):,} answers; {len(frame) - len(kept)} more were dropped" in card
    found = mode_summary(frame, "lie")
    low, high = found["ci"]
    share = f"{found['as_instructed']:.3f} | {low:.3f} to {high:.3f}"
    assert f"| `lie` | {found['n']} | {found['readable']} | {share} |" in card
    code, _, _ = tell(*asked, "--to-folder", tmp_path / "same")
    assert code == 0 and {path.name for path in (tmp_path / "same").iterdir()} == set(files)
    for name in ("README.md", "run.json"):
        assert (tmp_path / "same" / name).read_bytes() == files[name], "a folder holds the same"


def test_a_liar_arrives_with_its_card_and_without_paths_of_this_machine(hub, tell, tmp_path):
    shipped = ModelSettings(LIAR_ID).adapter_folder
    folder = shutil.copytree(shipped, tmp_path / "liar")
    (folder / "secret.txt").write_text("not asked for")
    training = json.loads((folder / "training.json").read_text())
    training["settings"]["model"]["id"] = "/home/somebody/models/a-model"
    (folder / "training.json").write_text(json.dumps(training))
    assert tell("push", "liar", folder, "--to", "somebody/liar")[0] == 0
    files = hub.files["somebody/liar"]
    assert set(files) == {
        *("README.md", "figures.json", "training.json"),
        *("adapter_config.json", "adapter_model.safetensors"),
    }
    assert files["adapter_model.safetensors"] == (shipped / "adapter_model.safetensors").read_bytes()
    assert json.loads(files["training.json"])["settings"]["model"]["id"] == "a-model"
    card = ModelCard(files["README.md"].decode())
    assert card.data.library_name == "peft" and (shipped / "README.md").read_text().strip() in card.text
    (folder / "figures.json").unlink()
    code, out, err = tell("push", "liar", folder, "--to-folder", tmp_path / "other")
    assert code == 2 and not out and "has no figures.json" in err and not (tmp_path / "other").exists()


def test_offline_denied_and_unreachable_are_one_sentence(hub, tell, monkeypatch, store):
    asked = ("push", "probe", HOSTILE, "--to", "somebody/some-probe")
    for status, why in ((401, "hf auth login"), (403, "hf auth login"), (500, "the hub refused")):
        hub.status = status
        code, out, err = tell(*asked)
        assert code == 2 and not out and err.count("\n") == 1 and why in err, err
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    code, out, err = tell(*asked)
    assert code == 2 and not out and err.count("\n") == 1 and "cannot be reached" in err, err
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    code, out, err = tell(*asked)
    assert code == 2 and not out and err.count("\n") == 1 and "set offline" in err, err
    assert not hub.files and not list((store.cache / "tmp").iterdir())


@pytest.mark.parametrize(
    "arguments, why",
    [
        (("probe", HOSTILE), "say where"),
        (("probe", HOSTILE, "--to", "a/b", "--to-folder", "c"), "say where"),
        (("probe", HOSTILE, "--to", "no-owner"), "owner/name"),
        (("probe", HOSTILE, "--to", "a/b c!"), "no repository's name"),
        (("probe", "nobody", "--to", "a/b"), "no saved probe"),
        (("probe", HOSTILE, "--to", "a/b", "--layer", "1"), "goes whole"),
        (("run", RUN, "--to-folder", "c", "--private"), "--private is for --to"),
        (("run", "nothing", "--to", "a/b"), "no run"),
        (("run", RUN, "--to", "a/b", "--position", "mean"), "position 'mean'"),
        (("liar", "/nowhere", "--to", "a/b"), "has no README.md"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments, why, hub, tell):
    code, out, err = tell("push", *arguments)
    assert code == 2 and not out and err.startswith("telltale: ") and err.count("\n") == 1 and why in err, err
    assert not hub.files


def test_liars_are_offered_where_they_are_trained_once_their_exam_is_done(tmp_path):
    examined, without_exam = (liar_folder(tmp_path, LiarSettings(seed=seed), "content") for seed in (0, 1))
    for folder in (examined, without_exam):
        folder.mkdir(parents=True)
        (folder / "training.json").write_text("{}")
    (examined / "figures.json").write_text("{}")
    assert liars_in(tmp_path) == [examined]
