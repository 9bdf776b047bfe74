"""In a real browser: the first page fills itself in, and what comes next is made ready behind it."""

import time

import psutil
import pytest

from core.store.runs import RunStore
from tests.browser.conftest import SLOW, open_page, start_app
from tests.conftest import beside
from tests.shift_runs import store_run


@pytest.fixture
def fresh(cache, tmp_path):
    """A server that nobody has looked at, on a cache with one run; its process and address."""
    folder = beside(cache, tmp_path)
    store_run(RunStore(folder), "plain-run", "plain", {0: 1.5}, 1)
    server, address = start_app(folder, tmp_path / "app.log")
    yield psutil.Process(server.pid), address
    server.terminate()
    server.wait(20)


def has_loaded(process: psutil.Process, library: str) -> bool:
    return any(library in region.path for region in process.memory_maps())


def wait_until(condition) -> None:
    deadline = time.monotonic() + SLOW / 1000
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_first_page_fills_itself_in_and_umap_is_made_ready(chromium, fresh):
    server, address = fresh
    assert not has_loaded(server, "libtorch")
    page = open_page(chromium, address)
    page.get_by_role("heading", name="Ask one thing").wait_for()
    page.get_by_text("GB free").wait_for()
    page.get_by_text("Fit a probe to a run of this model").wait_for()
    assert has_loaded(server, "libtorch") and not has_loaded(server, "llvmlite")
    wait_until(lambda: any(has_loaded(worker, "llvmlite") for worker in server.children()))
    assert page.evaluate("() => [...window.seenBoxes]") == [] and page.problems == []
    page.close()
