"""Small made runs, whose figures and reports need no model, and a Chromium without a network."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from benchmarks.made_run import Shape, write_made_run
from core.store.runs import RunStore
from tests.browser.conftest import BROWSER_FLAGS
from tests.conftest import beside


@pytest.fixture(scope="session")
def made(cache, tmp_path_factory) -> tuple[RunStore, str]:
    """A store with one run of 400 made answers that nobody has looked at."""
    store = RunStore(beside(cache, tmp_path_factory.mktemp("made")))
    return store, write_made_run(store, Shape(answers=400, layers=3, d_model=12)).run


@pytest.fixture(scope="session")
def offline():
    """A browser context that can reach nothing but files."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "no Chromium was found: `make test` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=BROWSER_FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
        yield context
        browser.close()


def opened(context, path: Path):
    """A file as a person opens it; `page.problems` and `page.asked` say what went wrong, and was fetched."""
    page = context.new_page()
    page.problems, page.asked = [], []
    page.on("console", lambda m: page.problems.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("dialog", lambda dialog: (page.problems.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda sent: page.asked.append(sent.url))
    page.goto(path.as_uri())
    return page
