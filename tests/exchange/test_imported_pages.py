"""An imported run on every page and under every command: read as any other, or refused in one sentence."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.cli import main
from core.exchange.import_states import import_states
from core.jobs import JOBS
from core.store.runs import RunStore
from dashboard import work
from tests.conftest import beside
from tests.exchange.brought import bring

VIEWS = Path(work.__file__).with_name("views")
PAGES = sorted(path.stem for path in VIEWS.glob("*.py") if path.stem not in ("generate", "tokens"))
"""All but Generate, which makes runs, and Tokens, which is about the model's own."""
NO_MODEL = "this run's states were imported, and no model came with them"


@pytest.fixture(scope="module")
def imported(cache, tmp_path_factory):
    """A cache with a model and data, an imported run and a probe of it that is kept; the run's id."""
    folder = beside(cache, tmp_path_factory.mktemp("imported"))
    run = import_states(RunStore(folder), *bring(tmp_path_factory.mktemp("brought"))).run
    there = ["--cache", str(folder)]
    assert main(["probe", run, "--permutations", "0", "--save", "kept", *there]) == 0
    return folder, run


def draw(view):
    """A page as `dashboard/app.py` draws it."""
    import runpy

    import streamlit as st

    from core.errors import TelltaleError
    from dashboard import session

    try:
        runpy.run_path(view)
    except TelltaleError as refused:
        st.error(session.as_text(refused))


@pytest.fixture
def opened(imported, monkeypatch):
    """Opens a page on the imported run."""
    folder, run = imported
    monkeypatch.setenv("TELLTALE_CACHE", str(folder))

    def call(name):
        page = AppTest.from_function(draw, args=(str(VIEWS / f"{name}.py"),), default_timeout=120)
        page.session_state["run"] = run
        return page.run()

    return call


def errors_on(page):
    """What is refused on a page, as it is read."""
    assert not page.exception
    return [found.value.replace("\\", "") for found in page.error]


@pytest.mark.parametrize("name", PAGES)
def test_each_page_reads_an_imported_run(opened, name):
    assert errors_on(opened(name)) == []


def test_the_tokens_page_says_that_no_model_came(opened):
    (said,) = errors_on(opened("tokens"))
    assert NO_MODEL in said


@pytest.mark.parametrize(
    ("name", "button", "job"),
    [("statements", "Score them", work.SCORING), ("steer", "Steer", work.STEERING)],
)
def test_what_needs_the_model_is_refused_where_it_is_asked_for(opened, name, button, job):
    page = opened(name)
    if name == "statements":
        page.text_area[0].set_value("A fine sentence.").run()
    (wanted,) = [found for found in page.button if found.label == button]
    wanted.click().run()
    JOBS.get(job).wait(120)
    assert any(NO_MODEL in said for said in errors_on(page.run()))


@pytest.mark.parametrize(
    "typed",
    [
        ["runs", "show"],
        ["controls", "--permutations", "2"],
        ["transfer"],
        ["lie-score"],
        ["read-or-said", "--resamples", "5"],
        ["sweep"],
        ["decisions", "show"],
    ],
)
def test_commands_read_an_imported_run(imported, capsys, typed):
    folder, run = imported
    name, *rest = typed
    place = [run] if name not in ("runs", "decisions") else [rest.pop(0), run]
    assert main([name, *place, *rest, "--json", "--cache", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and err == ""


@pytest.mark.parametrize(
    "typed", [["steer", "--layer", "1"], ["score", "--text", "Fine."], ["controls", "--own-report"]]
)
def test_commands_that_need_the_model_say_that_none_came(imported, capsys, typed):
    folder, run = imported
    assert main([typed[0], run, *typed[1:], "--cache", str(folder)]) == 2
    assert NO_MODEL in capsys.readouterr().err
