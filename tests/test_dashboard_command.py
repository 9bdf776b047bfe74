"""`telltale dashboard` hands over to the program that serves the app, wherever it is installed."""

import sys

import pytest

from core.cli import main


class Became(Exception):
    """What this process would have become."""


@pytest.fixture(autouse=True)
def nothing_is_started(monkeypatch):
    def become(program, words):
        raise Became([program, *words])

    monkeypatch.setattr("os.execv", become)


def test_it_becomes_the_program_that_serves_with_what_was_asked_for(tmp_path):
    with pytest.raises(Became) as became:
        main(["dashboard", "--port", "8600", "--host", "lab", "--cache", str(tmp_path)])
    ((program, name, *words),) = became.value.args
    assert program == name == sys.executable
    assert words[:3] == ["-P", "-m", "dashboard.serve"]
    asked = ["--port", "8600", "--address", "127.0.0.1", "--cache", str(tmp_path), "--host", "lab"]
    assert words[3:] == asked


def test_without_the_app_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("core.commands.dashboard.find_spec", lambda name: None)
    assert main(["dashboard", "--cache", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "telltale: the app is not installed beside core: install the telltale package whole\n"
    )
