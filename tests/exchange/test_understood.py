"""What a person brings is understood before it is stored: counted, and what is not there is said."""

import json
import zipfile
from functools import partial

import pytest

from core.cli import main
from core.errors import Cancelled, DataError
from core.exchange.brought_states import label_columns
from core.exchange.hub_wanted import CONTENTS
from core.exchange.import_states import import_states
from core.exchange.kept_upload import forget_brought, keep_brought
from core.exchange.run_dataset import export_dataset
from core.exchange.run_folder import export_folder
from core.exchange.understood import understand_answers, understand_states
from core.exchange.zipped import zip_folder
from core.store.runs import RunStore
from tests.exchange.brought import LAYERS, WIDTH, N, bring, states_of, table


@pytest.fixture
def store(tmp_path):
    (tmp_path / "cache").mkdir()
    return RunStore(tmp_path / "cache")


def test_states_are_counted_and_nothing_is_stored(store, tmp_path):
    found = understand_states(*bring(tmp_path))
    assert (found.rows, len(found.answers.questions), found.groups) == (2 * N, N, N // 2)
    assert (found.layers, found.d_model) == (LAYERS, WIDTH)
    assert found.counts().to_dict("records") == [
        {"mode": mode, "answers": N, "label False": N // 2, "label True": N // 2}
        for mode in ("honest", "lie")
    ]
    first = found.first(3)
    assert first["text"].tolist() == table()["text"].tolist()[:3]
    assert (first["said"] == first["label"]).all() and found.lacks() == [] and store.runs() == []


def test_what_is_not_there_is_said(tmp_path):
    frame = table(12).drop(columns=["said", "mode"]).head(12)
    said = " ".join(understand_states(*bring(tmp_path, frame)).lacks())
    assert "12 of 12 answers do not say what was said" in said
    assert "No answer names the instruction" in said and "6 groups" in said


def test_columns_are_offered_and_a_wrong_one_is_refused(tmp_path):
    states, labels = bring(tmp_path)
    assert label_columns(states, labels) == list(table().columns) and label_columns(states, None) == []
    with pytest.raises(DataError, match="column 'text'"):
        understand_states(states, labels, "text", "text")
    with pytest.raises(DataError, match="name the table of their labels"):
        understand_states(states, None)


def test_transcripts_are_counted_without_a_model(tmp_path):
    lines = [
        {"messages": [{"role": "user", "content": f"Is {n} even?"}, {"role": "assistant", "content": "Yes."}]}
        | {"label": ("false", "true")[n % 2 == 0]}
        for n in range(6)
    ]
    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    found = understand_answers(path)
    assert (found.rows, found.layers) == (6, None) and found.counts()["answers"].tolist() == [6]
    assert found.first(1)["generated"].tolist() == ["Yes."]


def test_a_name_stands_in_the_title_and_makes_no_other_run(store, tmp_path):
    files = bring(tmp_path)
    made = import_states(store, *files, name=" mine ")
    assert "imported states: mine" in store.run(made.run).title
    again = import_states(store, *files, name="another")
    assert again.found and again.run == made.run
    with pytest.raises(DataError, match="no name of a run"):
        import_states(store, *files, name="a\nb")


def test_an_import_and_exports_that_are_cancelled_leave_nothing(store, tmp_path):
    files = bring(tmp_path)
    with pytest.raises(Cancelled):
        import_states(store, *files, cancelled=lambda: True)
    assert store.runs() == [] and not any((store.cache / "runs").glob("*/states"))
    run, target = import_states(store, *files).run, tmp_path / "out"
    for export in (export_folder, export_dataset):
        with pytest.raises(Cancelled):
            export(store, run, target, cancelled=lambda: True)
        assert not target.exists() and not list(tmp_path.glob(".telltale-*"))


def test_exports_say_how_far_they_are(store, tmp_path):
    run = import_states(store, *bring(tmp_path)).run
    for export in (export_folder, export_dataset):
        said = []
        export(store, run, tmp_path / export.__name__, progress=partial(told, said))
        assert said == sorted(said) and said[-1] == 1.0


def told(said, share, what):
    assert what
    said.append(share)


def test_a_zip_holds_the_folder(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "a.txt").write_text("one")
    packed = zip_folder(tmp_path / "run", tmp_path / "run.zip")
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ["run/a.txt"] and archive.read("run/a.txt") == b"one"


def test_uploads_are_kept_under_plain_names_and_forgotten(tmp_path):
    one = keep_brought(tmp_path, [("../../<b>ü</b>.NPZ", b"1")])
    assert one.is_relative_to(tmp_path / "data" / "uploads") and one.name == "b-.npz"
    layers = keep_brought(tmp_path, [("layer.0.npy", b"0"), ("layer.1.npy", b"1")])
    assert sorted(path.name for path in layers.iterdir()) == ["layer.0.npy", "layer.1.npy"]
    dataset = keep_brought(tmp_path, [("dataset_info.json", b"{}"), ("data-00000-of-00001.arrow", b"")])
    assert dataset.is_dir() and keep_brought(tmp_path, [("layer.0.npy", b"9")]) != layers
    forget_brought(tmp_path, layers)
    forget_brought(tmp_path, tmp_path)
    assert not layers.exists() and one.is_file() and dataset.is_dir()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([("a.txt", b"")], "nothing that can be imported by itself"),
        ([("a.npz", b""), ("b.npz", b"")], "nothing that can be imported by itself"),
        ([("../a.npy", b""), ("b.npy", b"")], "rename it"),
        ([("a.npy", b"1"), ("a.npy", b"2")], "rename it"),
    ],
)
def test_uploads_that_do_not_belong_together_are_refused(tmp_path, files, said):
    with pytest.raises(DataError, match=said):
        keep_brought(tmp_path, files)
    assert not list(tmp_path.iterdir())


def test_a_package_has_the_files_that_are_promised(store, tmp_path, capsys):
    run = import_states(store, *bring(tmp_path, states=states_of(table()))).run
    there = ["--cache", str(store.cache)]
    assert main(["probe", run, "--permutations", "0", "--save", "mine", *there]) == 0
    for what, name in (("run", run), ("probe", "mine")):
        assert main(["push", what, name, "--to-folder", str(tmp_path / what), *there]) == 0
        assert sorted(path.name for path in (tmp_path / what).iterdir()) == sorted(CONTENTS[what])
    capsys.readouterr()
