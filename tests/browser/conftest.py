"""Runs the real app on a cache of its own, and drives it in a real Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SLOW = 300_000
# Two test processes share the processors: what takes a moment alone may take many seconds beside the other.
expect.set_options(timeout=60_000)
# Boxes come and go: each error that is ever on screen is written down.
WATCH_BOXES = """
window.seenBoxes = new Set();
new MutationObserver(() => {
  for (const box of document.querySelectorAll('[data-testid=stException],[data-testid=stAlertContentError]'))
    window.seenBoxes.add(box.innerText);
}).observe(document, {subtree: true, childList: true, characterData: true});
"""
# The app's script is not at work, and was not a third of a second ago: what is on screen stands still.
STANDS_STILL = """
() => {
  const app = document.querySelector('[data-testid=stApp]');
  const still = app && app.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stStatusWidget]');
  if (!still) { window.stillSince = null; return false; }
  window.stillSince ??= performance.now();
  return performance.now() - window.stillSince > 300;
}
"""
STREAMLIT = (
    *("streamlit", "run", "dashboard/app.py", "--server.headless", "true", "--server.address", "127.0.0.1"),
    *("--browser.gatherUsageStats", "false", "--server.port"),
)
BROWSER_FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session", autouse=True)
def clicks_hit_what_they_aim_at() -> Iterator[None]:
    """Each click waits until the page stands still: a redraw may move what it aims at, or forget it.

    Where something on the page is drawn anew all the time, it is made after half a minute all the same.
    """
    at_once = Locator.click

    def click(locator: Locator, **options) -> None:
        locator.wait_for()
        with suppress(TimeoutError):
            locator.page.wait_for_function(STANDS_STILL, timeout=30_000)
        at_once(locator, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Locator, "click", click)
        yield


def free_port() -> int:
    with socket.socket() as handle:
        handle.bind(("127.0.0.1", 0))
        return handle.getsockname()[1]


def start_app(
    cache: Path, log: Path, command: Sequence[str] = STREAMLIT, **variables: str
) -> tuple[subprocess.Popen, str]:
    """The app as a person starts it; ready when its health page answers.

    Args:
        command: what serves it, but for the port, which is its last word's value.
        variables: further environment variables.
    """
    port = free_port()
    command = [sys.executable, "-m", *command, str(port)]
    environment = os.environ | {"TELLTALE_CACHE": str(cache), "HF_HUB_OFFLINE": "1"} | variables
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).read()
            return process, address
        except OSError:
            time.sleep(0.25)
    process.kill()
    raise RuntimeError(log.read_text())


@pytest.fixture(scope="session")
def app_cache(cache, tmp_path_factory) -> Path:
    """A cache with the embedded model and data, and no runs."""
    folder = tmp_path_factory.mktemp("app-cache")
    for name in ("models", "data"):
        (folder / name).mkdir()
        for entry in (cache / name).iterdir():
            (folder / name / entry.name).symlink_to(entry)
    return folder


@pytest.fixture(scope="session")
def address(app_cache) -> Iterator[str]:
    process, where = start_app(app_cache, app_cache / "app.log")
    yield where
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="session")
def chromium():
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "no Chromium was found: `make test` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=BROWSER_FLAGS)
        yield browser
        browser.close()


def is_problem(message) -> bool:
    """A console error; not Streamlit's own asking for two files beside a page before it finds them."""
    return message.type == "error" and "/_stcore/" not in message.location.get("url", "")


def open_page(chromium, address: str) -> Page:
    page = chromium.new_page(viewport={"width": 1500, "height": 1400})
    page.set_default_timeout(SLOW)
    page.problems = []
    page.on("console", lambda m: page.problems.append(m.text) if is_problem(m) else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("dialog", lambda dialog: (page.problems.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.add_init_script(WATCH_BOXES)
    page.goto(address)
    page.get_by_text("Telltale", exact=True).first.wait_for()
    return page


@pytest.fixture
def page(chromium, address) -> Iterator[Page]:
    """A page on which no error box, console error or dialog may appear, but for the boxes it expects."""
    page = open_page(chromium, address)
    page.get_by_text("GB free").wait_for()  # a server's first page is filled in when torch is imported
    page.expected_boxes = []
    yield page
    boxes = page.evaluate("() => [...window.seenBoxes]")
    page.close()
    assert [box for box in boxes if not any(part in box for part in page.expected_boxes)] == []
    assert page.problems == []


def settle(page: Page) -> None:
    """Wait until the app has answered all that was asked of it."""
    page.wait_for_timeout(400)
    page.wait_for_function(STANDS_STILL)


def choose(page: Page, box: Locator, aimed_at: Locator | None = None) -> None:
    """Check a box, radio or switch; again where the click fell into a drawing.

    Args:
        aimed_at: what is clicked, where that is not the box itself.
    """
    for _ in range(3):
        if not box.is_checked():
            (aimed_at or box).click()
        settle(page)
    expect(box).to_be_checked()


def go(page: Page, name: str) -> None:
    """Open a page by its link, which may stand in a menu."""
    link, menus = page.get_by_role("link", name=name, exact=True), page.get_by_test_id("stTopNavSection")
    library = menus.filter(has_text="Library")
    library.wait_for()
    expect(menus).to_have_count(1)  # there are more until the browser knows how wide links are
    if not link.count():
        library.click()
        link = page.get_by_test_id("stTopNavDropdownLink").filter(has_text=name)
    link.click()
    settle(page)


def metric(page: Page, name: str) -> str:
    """The value of a figure by its label."""
    found = page.get_by_test_id("stMetric").filter(has_text=name).first
    return found.get_by_test_id("stMetricValue").inner_text()
