"""States that were damaged on the disk: the page says which, and the rest is of use after one click."""

import re

import pytest
from playwright.sync_api import expect

from core.cli import main
from core.store.runs import RunStore
from tests.browser.conftest import SLOW, open_page, settle, start_app
from tests.conftest import beside


@pytest.fixture
def damaged(cache, tiny, tmp_path):
    """A cache with one run, whose second block of answers has a flipped bit in one layer."""
    folder = beside(cache, tmp_path)
    asked = ["harvest", "--data", "movie-reviews", "--n", "60", "--model", str(tiny), "--cache", str(folder)]
    assert main(asked) == 0
    [run] = RunStore(folder).runs()
    chunk = folder / "runs" / run.run / "states/prompt/c/1/2/0"
    content = bytearray(chunk.read_bytes())
    content[100] ^= 1
    chunk.write_bytes(content)
    return folder, run


def test_damaged_answers_are_named_and_set_aside_by_one_click(chromium, damaged, tmp_path):
    folder, run = damaged
    server, address = start_app(folder, tmp_path / "app.log")
    try:
        page = open_page(chromium, f"{address}/projection?run={run.run}")
        button = page.get_by_role("button", name="Set the damaged answers aside")
        expect(button).to_be_visible(timeout=SLOW)
        expect(page.get_by_text(re.compile("layer 2 of answers 32 to 63 is changed")).first).to_be_visible()
        # The layer that the server reads is the one that the slider shows.
        expect(page.get_by_role("slider")).to_have_value("2")
        button.click()
        told = page.get_by_text(re.compile(r"(\d+) answers of run .* are set aside"))
        expect(told).to_be_visible(timeout=SLOW)
        [left] = RunStore(folder).runs()
        assert 0 < left.answers < run.answers and left.state == "interrupted"
        settle(page)
        expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SLOW)
        expect(button).to_have_count(0)
        assert not page.problems
    finally:
        server.terminate()
        server.wait(20)
