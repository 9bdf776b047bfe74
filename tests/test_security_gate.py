"""Nobody on another machine sees anything of the app without its password or token."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import gate
from dashboard.serve import reached_as

APP = Path(gate.__file__).with_name("app.py")
SECRET = "correct horse battery"


@pytest.fixture
def served_on(monkeypatch):
    """Has the app think that it is served on an address, with a password or none."""

    def serve(address, password=None):
        option = st.get_option
        monkeypatch.setattr(
            st, "get_option", lambda name: address if name == "server.address" else option(name)
        )
        monkeypatch.delenv(gate.PASSWORD, raising=False)
        if password is not None:
            monkeypatch.setenv(gate.PASSWORD, password)

    monkeypatch.setattr(gate, "PAUSE", 0.0)
    return serve


def guarded():
    import streamlit as st

    from dashboard import gate

    gate.need_admission()
    st.title("inside")


def seen(page):
    """The kinds of everything that is drawn, of the boxes that hold it too."""
    assert not page.exception
    boxes = ("main", "sidebar", "form")
    return [
        element.type for part in (page.main, page.sidebar) for element in part if element.type not in boxes
    ]


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.7", "some.host", None, ""])
def test_an_app_that_others_reach_without_a_password_shows_one_sentence(served_on, address, capfd):
    served_on(address)
    gate._warn.cache_clear()
    page = AppTest.from_file(str(APP)).run()
    assert seen(page) == ["error"]
    assert "make run ADDRESS=" in page.error[0].value
    assert capfd.readouterr().err.count("telltale: Telltale is served on") == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_alone_is_asked_for_nothing(served_on, address):
    served_on(address)
    assert AppTest.from_function(guarded).run().title[0].value == "inside"


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1"])
def test_with_a_password_only_a_form_is_drawn_until_it_is_given(served_on, address):
    served_on(address, SECRET)
    page = AppTest.from_file(str(APP)).run()
    assert seen(page) == ["text_input", "button"]
    page = AppTest.from_function(guarded).run()
    page.text_input[0].input("wrong horse battery")
    page = page.button[0].click().run()
    assert "That is not it" in page.error[0].value and not page.title
    page.text_input[0].input(SECRET)
    page = page.button[0].click().run()
    assert page.title[0].value == "inside" and not page.text_input
    assert page.run().title[0].value == "inside"
    assert AppTest.from_function(guarded).run().text_input, "another session was let in"


def test_a_password_that_is_short_lets_nobody_in(served_on):
    served_on("0.0.0.0", "short")
    page = AppTest.from_function(guarded).run()
    assert "has 5 characters" in page.error[0].value and not page.title and not page.text_input


def test_wrong_tries_wait_in_one_queue_and_a_right_one_does_not(monkeypatch):
    waits = []
    monkeypatch.setattr(gate.time, "sleep", lambda seconds: waits.append((seconds, gate._tries.locked())))
    assert not gate.is_password("wrong", SECRET)
    assert not gate.is_password("", SECRET)
    assert not gate.is_password(SECRET + "\0", SECRET)
    assert gate.is_password(SECRET, SECRET)
    assert waits == [(gate.PAUSE, True)] * 3 and gate.PAUSE >= 1


def test_a_password_of_any_characters_can_be_given():
    undecodable = b"p\xc3\xa4ss\xff".decode(errors="surrogateescape")
    assert gate.is_password("pässwörter 密码", "pässwörter 密码")
    assert gate.is_password(undecodable, undecodable)


LAUNCH = """
import os, sys
os.execv = lambda program, words: print("STARTED", *words[1:], "|", os.environ.get("TELLTALE_PASSWORD"))
sys.argv = ["serve", *sys.argv[1:]]
from dashboard import serve
sys.exit(serve.main())
"""


def launched(cache, *arguments, password=None):
    """What the launcher says, on which streams, and what it would have started."""
    environment = {name: value for name, value in os.environ.items() if name != gate.PASSWORD}
    if password:
        environment[gate.PASSWORD] = password
    return subprocess.run(
        [sys.executable, "-c", LAUNCH, "--port", "48123", "--cache", str(cache), *arguments],
        cwd=APP.parents[1],
        env=environment,
        capture_output=True,
        text=True,
    )


def allowed(started):
    words = started.split(" | ")[0].split()
    return {words[place + 1] for place, word in enumerate(words) if word == "--server.allowedHosts"}


def test_serving_to_others_warns_and_makes_a_token_that_stands_on_the_terminal_once(tmp_path):
    done = launched(tmp_path, "--address", "0.0.0.0")
    started = done.stdout.splitlines()[-1]
    token = started.split(" | ")[1]
    assert done.returncode == 0 and len(token) >= 32
    assert done.stdout.count(f"Token: {token}\n") == 1 and token not in done.stderr
    assert "can be reached from other machines" in done.stderr
    assert token not in started.split(" | ")[0], "a command line is there for all to read"
    assert launched(tmp_path, "--address", "0.0.0.0").stdout.splitlines()[-1].split(" | ")[1] != token
    assert allowed(started) == {"localhost", "127.0.0.1", "::1", *reached_as("0.0.0.0")}
    for option in ("--server.enableXsrfProtection true", "--server.enableCORS true"):
        assert option in started


def test_ones_own_password_takes_the_place_of_the_token_and_is_never_printed(tmp_path):
    done = launched(tmp_path, "--address", "0.0.0.0", "--host", "lab.example", password=SECRET)
    said, _, started = done.stdout.rpartition("STARTED")
    assert "Token" not in said and SECRET not in said + done.stderr
    assert "lab.example" in allowed("STARTED" + started)


def test_on_this_machine_no_token_is_made_and_no_other_name_is_answered(tmp_path):
    done = launched(tmp_path)
    assert done.stderr == "" and done.stdout.splitlines()[-1].endswith("| None")
    assert allowed(done.stdout.splitlines()[-1]) == {"localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("arguments", "password", "says"),
    [
        (("--address", "192.0.2.7"), None, "'192.0.2.7' is no address of this machine"),
        (("--address", "not an address"), None, "'not an address' is not an address"),
        (("--address", ""), None, "'' is not an address"),
        (("--address", "0.0.0.0"), "short", "has 5 characters"),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_line(tmp_path, arguments, password, says):
    done = launched(tmp_path, *arguments, password=password)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("telltale: ") and says in done.stderr
