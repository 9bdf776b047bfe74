"""Saved templates, states, runs: nothing lost, nothing taken back silently."""

import json
import threading

import numpy as np
import pytest
import zarr

from core.errors import StoreError, TemplateError
from core.prompts.templates import BUILT_IN, Template
from core.store.runs import RunStore
from core.store.saved import SavedStore
from core.store.states import StateArrays


def test_templates_are_saved_and_built_in_ones_kept(tmp_path):
    store = SavedStore(tmp_path)
    mine = Template("mine", "{text}?", ("No", "Yes"))
    store.save_template(mine)
    assert SavedStore(tmp_path).template("mine") == mine
    with pytest.raises(TemplateError, match="built in"):
        store.save_template(BUILT_IN["review"])
    with pytest.raises(TemplateError, match="no template 'x'"):
        store.template("x")


def test_a_layer_is_read_from_its_own_chunks_and_damage_is_noticed(tmp_path):
    arrays = StateArrays(tmp_path / "states")
    arrays.create(("prompt",), rows=64, layers=3, d_model=4, block=32)
    states = np.random.default_rng(0).normal(size=(20, 3, 4)).astype(np.float32) * 1e5
    arrays.write("prompt", 32, states)
    rows = np.arange(32, 52)
    assert np.array_equal(arrays.read("prompt", 1, rows), states[:, 1])
    mixed = np.array([51, 32, 40, 32])
    assert np.array_equal(arrays.read("prompt", 0, mixed), states[mixed - 32, 0])
    with pytest.raises(StoreError, match="layer 1 of answers 0 to 31 is missing"):
        arrays.read("prompt", 1, np.array([0]))
    with pytest.raises(StoreError, match="64 rows"):
        arrays.read("prompt", 1, np.array([64]))
    chunk = tmp_path / "states/prompt/c/1/2/0"
    content = bytearray(chunk.read_bytes())
    content[5] ^= 1
    chunk.write_bytes(content)
    assert np.array_equal(arrays.read("prompt", 1, rows), states[:, 1])
    with pytest.raises(StoreError, match=r"layer 2 of answers 32 to 63 is changed.*doctor --repair"):
        arrays.read("prompt", 2, rows)
    with pytest.raises(StoreError, match="no layer 3"):
        arrays.read("prompt", 3, rows)
    with pytest.raises(StoreError, match="no states at position 'mean'"):
        arrays.read("mean", 0, rows)


def test_what_is_written_is_read_alike_by_zarr(tmp_path):
    arrays = StateArrays(tmp_path)
    arrays.create(("answer",), rows=70, layers=2, d_model=3, block=32)
    states = np.random.default_rng(1).normal(size=(70, 2, 3)).astype(np.float32)
    states[40:50] = np.nan
    for start in range(0, 70, 32):
        arrays.write("answer", start, states[start : start + 32])
    read_by_zarr = zarr.open_array(tmp_path / "answer", mode="r")[:]
    np.testing.assert_array_equal(read_by_zarr, states)
    for layer in (0, 1):
        for rows in (np.arange(70), np.arange(5, 69), np.arange(32, 64), np.arange(69, -1, -3)):
            np.testing.assert_array_equal(arrays.read("answer", layer, rows), states[rows, layer])
    assert arrays.read("answer", 0, np.array([], dtype=int)).shape == (0, 3)


def test_chunks_that_older_runs_never_wrote_are_nan(tmp_path):
    arrays = StateArrays(tmp_path)
    arrays.create(("answer",), rows=64, layers=2, d_model=3, block=32)
    description = tmp_path / "answer/zarr.json"
    older = json.loads(description.read_text())
    older["attributes"] = {}
    description.write_text(json.dumps(older))
    arrays.write("answer", 0, np.ones((32, 2, 3), np.float32))
    assert np.isnan(arrays.read("answer", 1, np.array([40]))).all()
    (tmp_path / "answer/c/0/1/0").unlink()
    with pytest.raises(StoreError, match="is missing"):
        arrays.read("answer", 1, np.array([4]))


def test_an_unknown_run_is_refused(tmp_path):
    with pytest.raises(StoreError, match="there is no run 'abc'"):
        RunStore(tmp_path).run("abc")


def test_looking_at_a_run_never_stops_anyone_from_writing_it(tmp_path):
    store = RunStore(tmp_path)
    store.begin("r", {"data": {"name": "x"}}, {}, 1, [])
    stop, states = threading.Event(), set()

    def look():
        while not stop.is_set():
            states.add(store.run("r").state)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    for _ in range(50):
        with store.writing("r"):
            pass
    stop.set()
    for looker in lookers:
        looker.join()
    assert states <= {"interrupted", "growing"}
    with store.writing("r"):
        assert store.run("r").state == "growing"
        with pytest.raises(StoreError, match="another job"), store.writing("r"):
            pass
    assert store.run("r").state == "interrupted"
