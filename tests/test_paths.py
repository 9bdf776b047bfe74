"""Where all is written, when nobody says where."""

from pathlib import Path

import pytest

from core.paths import cache_folder, default_cache


def test_a_checkout_has_its_own_cache(tmp_path):
    (tmp_path / "pyproject.toml").touch()
    assert default_cache(tmp_path) == tmp_path / "cache"


@pytest.mark.parametrize(
    ("said", "folder"),
    [("/elsewhere", "/elsewhere/telltale"), ("relative", "~/.cache/telltale"), ("", "~/.cache/telltale")],
)
def test_what_is_installed_writes_into_the_persons_own_folder(monkeypatch, tmp_path, said, folder):
    monkeypatch.setenv("XDG_CACHE_HOME", said)
    assert default_cache(tmp_path) == Path(folder)


def test_what_is_chosen_goes_before_the_environment_and_that_before_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("TELLTALE_CACHE", str(tmp_path / "said"))
    assert cache_folder(tmp_path / "chosen") == tmp_path / "chosen"
    assert cache_folder() == tmp_path / "said"
    monkeypatch.delenv("TELLTALE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("core.paths.default_cache", lambda: default_cache(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "telltale"
