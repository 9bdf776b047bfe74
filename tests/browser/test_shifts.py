"""Shifts in the browser, on planted runs: the page says what was stored, and Generate offers the styles."""

import pandas as pd
import pytest
from playwright.sync_api import expect

from core.probes.rows import ProbeSettings
from core.probes.shifts_of_runs import known_shifts
from tests.browser.conftest import SLOW, go, open_page, settle, start_app
from tests.conftest import beside
from tests.shift_runs import SHIFTED, store_all, store_run


@pytest.fixture(scope="module")
def store(cache, tmp_path_factory):
    """Planted runs, and one of another model that nothing shifts."""
    found = store_all(beside(cache, tmp_path_factory.mktemp("shifts")))
    store_run(found, "elsewhere", "plain", {}, 7, content="another")
    return found


@pytest.fixture(scope="module")
def address(store):
    process, where = start_app(store.cache, store.cache / "app.log")
    yield f"{where}/?run=plain-run"
    process.terminate()
    process.wait(20)


def test_shifts_are_judged_by_one_button_and_shown_as_stored(page, store):
    settle(page)
    go(page, "Shifts")
    page.get_by_role("button", name="Judge the shifts").click()
    expect(page.get_by_text("answers pruned")).to_be_visible(timeout=SLOW)
    settle(page)
    found = known_shifts(store, "plain-run", SHIFTED, ProbeSettings(permutations=0))
    expect(page.get_by_role("heading", name=found.sentence())).to_be_visible()
    chart = page.locator(".js-plotly-plot").first
    for name in ("upper", "typos", "template review-statement", "nothing lost"):
        expect(chart).to_contain_text(name)
    expect(page.get_by_test_id("stCode").first).to_contain_text("telltale shifts plain-run")
    with page.expect_download() as download:
        page.get_by_role("button", name="Figures as CSV").click()
    table = pd.read_csv(download.value.path())
    assert table["drop"].to_numpy() == pytest.approx(found.to_frame()["drop"].to_numpy())


def test_a_run_that_nothing_shifts_says_how_to_get_one(chromium, address):
    page = open_page(chromium, f"{address.split('?')[0]}?run=elsewhere")
    settle(page)
    go(page, "Shifts")
    expect(page.get_by_text("in another way yet")).to_be_visible(timeout=SLOW)
    page.close()


def test_a_style_is_chosen_on_generate_and_said_in_words(page):
    settle(page)
    page.get_by_role("combobox", name="Style", exact=True).click()
    page.get_by_role("option", name="upper", exact=True).click()
    settle(page)
    expect(page.get_by_text("The text in capitals, but for chemical symbols.")).to_be_visible(timeout=SLOW)
