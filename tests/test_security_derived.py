"""A pickle in the cache that this user's own program did not write is never unpickled."""

import errno
import json
import os
import pickle
import shutil
import stat
import subprocess
import sys
import threading

import joblib
import numpy as np
import pytest

from core.derived import derived_path, keep_derived, load_derived
from core.memo_key import memo_key, state_folder
from core.store.arrays import open_array

RESULT = {"auroc": 0.75, "curve": np.arange(5.0)}


READ = """
import sys
from pathlib import Path
from core.derived import load_derived
print(load_derived(Path(sys.argv[1]))["auroc"])
"""


class Hostile:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def kept(tmp_path):
    path = derived_path(tmp_path / "cache", "probes", ["run", 1])
    keep_derived(RESULT, path)
    return path


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_result_comes_back_from_a_folder_that_is_this_users_alone(kept):
    found = load_derived(kept)
    assert found["auroc"] == 0.75 and np.array_equal(found["curve"], RESULT["curve"])
    assert mode(kept.parents[1]) == 0o700
    assert mode(state_folder()) == 0o700 and mode(state_folder() / "memo.key") == 0o600


def test_the_folder_is_bound_to_the_versions(kept):
    name = kept.parents[1].name
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"numpy-{np.__version__}" in name and name.endswith(f"python-{python}")
    assert "telltale-" in name and "scikit-learn-" in name


def hostile_pickles(path, mark):
    """What may lie there: a plain pickle, joblib's, and one behind the signature of another entry."""
    good = path.read_bytes()
    joblib.dump(Hostile(mark), path)
    yield path.read_bytes()
    yield pickle.dumps(Hostile(mark))
    yield good[:32] + pickle.dumps(Hostile(mark))
    yield bytes(32) + pickle.dumps(Hostile(mark))


def test_a_hostile_pickle_is_thrown_away_unread(kept, tmp_path):
    mark = tmp_path / "ran"
    pickle.loads(pickle.dumps(Hostile(mark)))
    assert mark.is_dir(), "the pickle would do nothing: the test would show nothing"
    mark.rmdir()
    for content in hostile_pickles(kept, mark):
        kept.write_bytes(content)
        assert load_derived(kept) is None
        assert not mark.exists() and not kept.exists()


def test_a_cache_that_somebody_brings_along_runs_nothing(kept, tmp_path, monkeypatch):
    mark = tmp_path / "ran"
    keep_derived(Hostile(mark), kept)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another's state"))
    assert load_derived(kept) is None and not mark.exists()
    keep_derived(RESULT, kept)
    assert load_derived(kept)["auroc"] == 0.75


def test_an_entry_does_not_stand_in_for_another(kept, tmp_path):
    other = derived_path(tmp_path / "cache", "probes", ["run", 2])
    shutil.copy(kept, other)
    assert load_derived(other) is None and load_derived(kept) is not None


@pytest.mark.parametrize("content", [b"", b"short", bytes(500)])
def test_a_damaged_entry_is_made_anew(kept, content):
    kept.write_bytes(content)
    assert load_derived(kept) is None and not kept.exists()


def test_a_folder_that_others_can_write_to_is_made_anew(kept, caplog):
    kept.parents[1].chmod(0o777)
    assert load_derived(kept) is None
    keep_derived(RESULT, kept)
    assert "can be written by others" in caplog.text
    assert mode(kept.parents[1]) == 0o700 and load_derived(kept)["auroc"] == 0.75


def test_a_folder_that_is_a_link_is_made_anew(kept, tmp_path):
    elsewhere = kept.parents[1].rename(tmp_path / "elsewhere")
    kept.parents[1].symlink_to(elsewhere)
    assert load_derived(kept) is None
    keep_derived(RESULT, kept)
    assert not kept.parents[1].is_symlink() and list(elsewhere.iterdir())


def test_a_key_that_others_could_read_signs_nothing_any_more(kept):
    key = memo_key()
    (state_folder() / "memo.key").chmod(0o644)
    assert load_derived(kept) is None
    assert memo_key() != key and mode(state_folder() / "memo.key") == 0o600


def test_without_a_state_folder_nothing_is_kept_and_nothing_fails(kept, own_state):
    shutil.rmtree(own_state)
    own_state.write_text("a file where the folder would be")
    assert memo_key() is None
    keep_derived(RESULT, kept)
    assert load_derived(kept) is None


def test_on_a_full_disk_nothing_is_kept_and_nothing_fails(kept, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    other = kept.with_name("other.joblib")
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        keep_derived(RESULT, other)
    assert "No space left" in caplog.text
    assert load_derived(other) is None and load_derived(kept)["auroc"] == 0.75


def test_a_damaged_entry_on_a_disk_that_cannot_be_written_is_none(kept, monkeypatch):
    def read_only(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    kept.write_bytes(b"cut short")
    monkeypatch.setattr(type(kept), "unlink", read_only)
    assert load_derived(kept) is None


def test_threads_that_begin_at_once_have_one_key(own_state):
    keys = []
    threads = [threading.Thread(target=lambda: keys.append(memo_key())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1 and len(keys[0]) == 32
    assert [path.name for path in state_folder().iterdir()] == ["memo.key"]


def test_another_process_of_this_user_reads_the_result(kept):
    command = [sys.executable, "-c", READ, str(kept)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.75"


@pytest.mark.parametrize("part", ["filters", "compressor"])
def test_an_array_that_asks_for_a_pickle_codec_is_not_read(tmp_path, part):
    mark = tmp_path / "ran"
    codec = {"id": "pickle", "protocol": 5}
    described = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "<f4", "order": "C"}
    described |= {"fill_value": 0, "compressor": None, "filters": None}
    described[part] = [codec] if part == "filters" else codec
    (tmp_path / ".zarray").write_text(json.dumps(described))
    (tmp_path / "0").write_bytes(pickle.dumps(Hostile(mark)))
    with pytest.raises((ValueError, FileNotFoundError, KeyError)):
        open_array(tmp_path, "r")[:]
    assert not mark.exists()
