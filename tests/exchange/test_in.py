"""States and labels from elsewhere become a run, or are refused without a trace."""

import json
import os
import zipfile

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from core.cli import main
from core.errors import TelltaleError
from core.exchange import import_states as imports
from core.exchange.import_states import import_states
from core.exchange.layer_names import layer_name
from core.exchange.run_dataset import export_dataset
from core.exchange.run_folder import export_folder, states_file
from core.labels_of_run import labelled
from core.probes.of_run import probe_run
from core.probes.rows import ProbeSettings
from core.store.database import NAME
from core.store.runs import RunStore
from tests.exchange.brought import LAYERS, TRUTH, WIDTH, bring, states_of, table


@pytest.fixture
def store(tmp_path):
    (tmp_path / "cache").mkdir()
    return RunStore(tmp_path / "cache")


def stored(store, run):
    """All states of a run, (answers, layers, d_model)."""
    answers = store.answers(run)["answer"].to_numpy()
    layers = store.run(run).facts["layers"]
    return np.stack([store.layer(run, "prompt", layer, answers) for layer in range(layers)], axis=1)


def nothing_in(store):
    """Whether a store has no run, and no folder of one."""
    folder = store.cache / "runs"
    return not store.runs() and (not folder.exists() or not list(folder.iterdir()))


def test_an_imported_run_has_its_questions_answers_and_states(store, tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "MOST_ROWS", 32)  # several blocks, the last one not full
    frame = table(n=37)
    made = import_states(store, *bring(tmp_path, frame))
    run, answers = store.run(made.run), labelled(store, made.run)
    assert run.complete and made.answers == len(answers) == 74 and not made.found
    assert (stored(store, made.run) == states_of(frame)).all()
    assert answers["text"].tolist() == frame["text"].tolist()
    assert answers["question"].tolist() == [f"labels.csv:{told}" for told in frame["question_id"]]
    assert answers["label"].tolist() == (frame["label"] == "true").astype(int).tolist()
    assert answers["said"].tolist() == (frame["said"] == "true").astype(float).tolist()
    assert (answers["lie"] == (frame["mode"] == "lie")).all()
    assert answers.groupby("group")["question"].nunique().max() == 2
    assert answers[["p_0", "p_1", "outside", "leans", "leans_calibrated"]].isna().all(axis=None)
    assert run.facts["imported"]["states"] == "states.npz" and "imported states" in run.title
    assert len(run.facts["imported"]["states_sha256"]) == 64
    assert run.settings["modes"] == ["honest", "lie"]


def test_the_same_import_is_found_and_another_is_not(store, tmp_path):
    paths = bring(tmp_path)
    first = import_states(store, *paths)
    again = import_states(store, *paths)
    assert again.found and again.run == first.run and len(store.runs()) == 1
    bring(tmp_path, states=states_of(table(), seed=2))
    assert import_states(store, *paths).run != first.run


def test_a_probe_finds_in_an_imported_run_what_was_planted(store, tmp_path):
    run = import_states(store, *bring(tmp_path, table(n=160, modes=("none",)))).run
    report = probe_run(store, run, ProbeSettings(train="none", test="none", permutations=0))
    assert report.layer > 0 and report.chosen.test.auroc > 0.95
    assert report.layers[0].test.ci[0] < 0.5 < report.layers[0].test.ci[1]
    assert abs(report.bundle.vectors[report.layer][TRUTH]) > 0.3


def as_npy_folder(folder, states):
    folder.mkdir()
    for layer in range(LAYERS):
        np.save(folder / f"layer_{layer}.npy", np.asfortranarray(states[:, layer]).astype(np.float64))


def as_safetensors(path, states):
    tensors = torch.as_tensor(states)
    save_file({layer_name(n): tensors[:, n].contiguous() for n in range(LAYERS)}, path)


def as_npz_of_layers(path, states):
    np.savez_compressed(path, **{f"layer.{n}": states[:, n] for n in range(LAYERS)})


def as_dataset(folder, states, frame=None):
    frame = table() if frame is None else frame
    rows = {"states": states.tolist(), **frame.to_dict("list")}
    datasets.Dataset.from_dict(rows).save_to_disk(folder)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (as_npy_folder, "layers"),
        (as_safetensors, "states.safetensors"),
        (as_npz_of_layers, "layers.npz"),
        (as_dataset, "set"),
    ],
)
def test_every_kind_of_file_gives_the_same_states(store, tmp_path, write, name):
    frame = table()
    states = states_of(frame)
    _, labels = bring(tmp_path, frame, states)
    write(tmp_path / name, states)
    own = name == "set"  # has its labels in it
    run = import_states(store, tmp_path / name, None if own else labels).run
    assert (stored(store, run) == states).all()
    assert labelled(store, run)["lie"].sum() == 80


def test_half_precision_of_both_kinds_is_read(store, tmp_path):
    _, labels = bring(tmp_path)
    for kind in (torch.float16, torch.bfloat16):
        short = torch.as_tensor(states_of(table())).to(kind)
        as_safetensors(tmp_path / "short.safetensors", short)
        run = import_states(store, tmp_path / "short.safetensors", labels).run
        assert (stored(store, run) == short.float().numpy()).all()


def test_an_export_comes_back_as_it_was(store, tmp_path):
    run = import_states(store, *bring(tmp_path)).run
    export_folder(store, run, tmp_path / "out")
    export_dataset(store, run, tmp_path / "set")
    for states, labels in (
        (tmp_path / "out" / states_file("prompt"), tmp_path / "out" / "answers.parquet"),
        (tmp_path / "set", None),
    ):
        back = import_states(store, states, labels).run
        assert (stored(store, back) == stored(store, run)).all()
        one, two = labelled(store, run), labelled(store, back)
        assert one[["text", "label", "said", "mode", "lie"]].equals(
            two[["text", "label", "said", "mode", "lie"]]
        )


def test_states_that_are_not_finite_are_marked_and_in_no_data(store, tmp_path):
    states = states_of(table())
    states[3, 1, 0], states[7, 2, 1] = np.nan, np.inf
    made = import_states(store, *bring(tmp_path, states=states))
    assert made.not_finite == 2 and store.not_finite(made.run).tolist() == [3, 7]
    answers = labelled(store, made.run)
    assert answers.loc[answers["dropped"], "answer"].tolist() == [3, 7]


def test_without_ids_rows_of_one_text_are_one_question(store, tmp_path):
    frame = table(n=10).drop(columns=["question_id", "group"])
    run = import_states(store, *bring(tmp_path, frame)).run
    assert len(store.questions(run)) == 10 and labelled(store, run)["lie"].sum() == 10


def test_a_name_makes_two_imports_of_one_model_comparable(store, tmp_path):
    paths = bring(tmp_path)
    one = import_states(store, *paths, model="llama-9b").run
    bring(tmp_path, states=states_of(table(), seed=5))
    other = import_states(store, *paths, model="llama-9b").run
    stranger = import_states(store, *paths).run
    chosen = ProbeSettings(permutations=0, train="both", test="both")
    assert probe_run(store, one, chosen, test_run=other).chosen.test.auroc > 0.9
    with pytest.raises(TelltaleError, match="own model"):
        probe_run(store, one, chosen, test_run=stranger)


BAD_TABLES = [
    ({"label": "true"}, "exactly two"),
    ({"mode": "shout"}, "line 2: unknown mode 'shout'"),
    ({"said": "maybe"}, "line 2: said is 'maybe'"),
    ({"question_id": ""}, "'question_id' is empty"),
    ({"text": ""}, "'text' is empty"),
    (
        {"question_id": "q1", "text": "Alike.", "label": ["true", "false"] * 80},
        "another label than in line 2",
    ),
    ({"question_id": "q1", "text": "Alike.", "label": ["true"] * 2 + ["false"] * 158}, "a second answer"),
]


@pytest.mark.parametrize(("changes", "said"), BAD_TABLES)
def test_a_table_that_contradicts_itself_is_refused_by_its_line(store, tmp_path, changes, said):
    states, labels = bring(tmp_path)
    table().assign(**changes).to_csv(labels, index=False)
    with pytest.raises(TelltaleError, match=said):
        import_states(store, states, labels)
    assert nothing_in(store)


def test_states_that_are_no_states_are_refused(store, tmp_path):
    frame = table()
    good = states_of(frame)
    for states, said in (
        (good[:-1], "159 rows and labels.csv has 160"),
        (good[:, 0], r"expected \(answers, layers"),
        (good.astype(int), "floating-point"),
        (np.full_like(good, np.nan), "NaN or infinity in every row"),
        (np.asfortranarray(good), "by columns"),
        (good[:, :0], "0 layers, with layer 0"),
        (good[:, :1], "1 layers, with layer 0"),
        (good[:0], "no rows|0 rows"),
    ):
        with pytest.raises(TelltaleError, match=said):
            import_states(store, *bring(tmp_path, frame, states))
        assert nothing_in(store), said


def test_pickled_arrays_are_never_read(store, tmp_path):
    _, labels = bring(tmp_path)
    (tmp_path / "layers").mkdir()
    trap = np.array([{"a": 1}] * 160, dtype=object)
    np.save(tmp_path / "layers" / "0.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "trap.npz", states=trap)
    for name in ("layers", "trap.npz"):
        with pytest.raises(TelltaleError):
            import_states(store, tmp_path / name, labels)
    assert nothing_in(store)


def test_layers_have_no_gap(store, tmp_path):
    _, labels = bring(tmp_path)
    states = states_of(table())
    np.savez(tmp_path / "gap.npz", **{"layer.0": states[:, 0], "layer.2": states[:, 2]})
    with pytest.raises(TelltaleError, match=r"lacks layer 1 \(blocks.0.hook_resid_post\)"):
        import_states(store, tmp_path / "gap.npz", labels)
    np.savez(tmp_path / "twice.npz", **{"layer.0": states[:, 0], "0": states[:, 0]})
    with pytest.raises(TelltaleError, match="layer 0 twice"):
        import_states(store, tmp_path / "twice.npz", labels)


def test_an_archive_that_fails_half_way_leaves_nothing(store, tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "MOST_ROWS", 32)
    states, labels = bring(tmp_path)
    content = bytearray(states.read_bytes())
    content[len(content) // 2] ^= 0xFF  # its CRC is looked at once the last row is read
    states.write_bytes(content)
    with pytest.raises(TelltaleError, match="cannot be read as NumPy arrays: Bad CRC"):
        import_states(store, states, labels)
    assert nothing_in(store)


def test_a_dataset_with_damaged_text_is_refused_before_it_is_read(store, tmp_path):
    as_dataset(tmp_path / "set", states_of(table()))
    (file,) = (tmp_path / "set").glob("*.arrow")
    content = file.read_bytes()
    assert content.count(b"Sentence number 7 ") == 2
    file.write_bytes(content.replace(b"Sentence number 7 ", b"Sentence \xff\xfe\xff\xfeer 7 "))
    with pytest.raises(TelltaleError, match=r"set cannot be read: .*UTF8"):
        import_states(store, tmp_path / "set")
    assert nothing_in(store)


def test_an_import_that_was_cut_off_as_it_was_committed_goes_on(store, tmp_path, monkeypatch):
    paths = bring(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(store, "finish", lambda run: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            import_states(store, *paths)
    (cut,) = store.runs()
    assert not cut.complete
    made = import_states(store, *paths)
    assert made.run == cut.run and store.run(cut.run).complete and len(store.answers(cut.run)) == 160
    assert (stored(store, cut.run) == states_of(table())).all()


def test_pipes_are_not_waited_for(store, tmp_path):
    _, labels = bring(tmp_path)
    for name in ("pipe.npz", "pipe.safetensors"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(TelltaleError, match="no file or folder"):
            import_states(store, tmp_path / name, labels)
    (tmp_path / "layers").mkdir()
    os.mkfifo(tmp_path / "layers" / "0.npy")
    with pytest.raises(TelltaleError, match="no states that are named"):
        import_states(store, tmp_path / "layers", labels)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from([".npz", ".safetensors", "folder", "dataset"]), data=st.data())
def test_a_file_with_changed_bytes_becomes_a_whole_run_or_none(tmp_path_factory, kind, data):
    folder = tmp_path_factory.mktemp("changed")
    frame = table(n=4)
    states, labels = bring(folder, frame)
    write = {".safetensors": as_safetensors, "folder": as_npy_folder, "dataset": as_dataset}.get(kind)
    if write:
        states = folder / f"brought{kind}"
        write(states, states_of(frame), *([frame] if kind == "dataset" else []))
    files = sorted(states.iterdir()) if states.is_dir() else [states]
    file = data.draw(st.sampled_from(files))
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at : at + 3] = data.draw(st.binary(min_size=0, max_size=3))
    file.write_bytes(content)
    store = RunStore(folder)
    try:
        made = import_states(store, states, None if kind == "dataset" else labels)
    except TelltaleError:
        assert nothing_in(store)
    else:
        assert store.run(made.run).complete and made.answers == len(frame)


def test_an_archive_that_claims_more_than_it_holds_is_refused_unread(store, tmp_path):
    states, labels = bring(tmp_path)
    with zipfile.ZipFile(states) as archive:
        content = archive.read("states.npy")
    claimed = content.replace(b"(160, 3, 8)", b"(160, 9, 8)")
    with zipfile.ZipFile(states, "w") as archive:
        archive.writestr("states.npy", claimed)
    with pytest.raises(TelltaleError, match="not as long as its shape"):
        import_states(store, states, labels)


NAMES = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/"), min_size=1, max_size=300
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(0, 5),
    shape=st.lists(st.integers(0, 3), min_size=0, max_size=3),
    kind=st.sampled_from(["<f2", "<f4", "<f8", "<i4", "?", "<c8", "<U3"]),
    value=st.sampled_from([0.0, 1.5, float("nan"), float("inf"), 1e300]),
    labels=st.lists(st.sampled_from(["yes", "no", "", "maybe"]), min_size=0, max_size=5),
    model=NAMES | st.none(),
    column=NAMES,
)
def test_whatever_is_brought_becomes_a_whole_run_or_none(
    tmp_path_factory, rows, shape, kind, value, labels, model, column
):
    folder = tmp_path_factory.mktemp("any")
    store = RunStore(folder)
    with np.errstate(all="ignore"):
        filled = np.full((rows, *shape), value).astype(kind)
    np.savez(folder / "states.npz", states=filled)
    frame = pd.DataFrame({column: [f"text {n}" for n in range(len(labels))], "label": labels})
    frame.to_json(folder / "labels.jsonl", orient="records", lines=True)
    try:
        made = import_states(store, folder / "states.npz", folder / "labels.jsonl", model=model)
    except TelltaleError:
        assert nothing_in(store)
    else:
        assert store.run(made.run).complete and len(store.answers(made.run)) == rows
        assert stored(store, made.run).shape == (rows, *shape)


def test_the_command_line_imports_and_refuses_in_one_line(tmp_path, capsys):
    states, labels = bring(tmp_path)
    there = ["--cache", str(tmp_path / "lab"), "--json"]
    assert main(["import", str(states), "--labels", str(labels), "--model", "m", *there]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["answers"] == 160 and made["found"] is False and made["not_finite"] == 0
    for typed in (
        [str(states)],
        [str(tmp_path / "no.npz"), "--labels", str(labels)],
        [str(states), "--labels", str(labels), "--model", "x" * 300],
        [str(states), "--labels", str(labels), "--text-column", "y" * 300],
        [str(labels), "--labels", str(labels)],
        [str(tmp_path / ("z" * 300)), "--labels", str(labels)],
        [str(tmp_path), "--labels", str(labels)],
    ):
        assert main(["import", *typed, *there]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("telltale: ") and err.count("\n") == 1, typed
    assert (tmp_path / "lab" / NAME).is_file() and len(RunStore(tmp_path / "lab").runs()) == 1
    assert RunStore(tmp_path / "lab").runs()[0].facts["d_model"] == WIDTH
