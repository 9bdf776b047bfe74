"""Nothing with a wrong hash is used, nothing half-written is left."""

import pytest

from core.downloads import replace_atomically, sha256_of
from core.errors import StoreError
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
