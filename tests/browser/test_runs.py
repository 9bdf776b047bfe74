"""Runs and Compare in the browser, on planted runs: rows are chosen by a click, two compared by a link."""

import pytest
from playwright.sync_api import expect

from core.compare.of_runs import known_compared_probes
from core.probes.rows import ProbeSettings
from core.store.remarks import RemarkStore
from core.store.runs import RunStore
from core.store.trash import Trash
from tests.browser.conftest import SLOW, go, open_page, settle, start_app
from tests.conftest import beside
from tests.shift_runs import store_run

HOSTILE = "<img src=x onerror=alert(1)> **note**"
ROW, HEAD, BOX = 35, 36, 17
"""Pixels of the table's rows and head; where in a row its box is."""


@pytest.fixture(scope="module")
def store(cache, tmp_path_factory):
    """Three planted runs, the newest last; the truth is clear in the states of the first alone."""
    found = RunStore(beside(cache, tmp_path_factory.mktemp("runs")))
    store_run(found, "clear-run", "plain", {3: 1.5}, 1)
    store_run(found, "lost-run", "upper", {}, 2)
    store_run(found, "spare-run", "typos", {}, 3)
    RemarkStore(found.cache).set_note("spare-run", HOSTILE)
    return found


@pytest.fixture(scope="module")
def address(store):
    process, where = start_app(store.cache, store.cache / "app.log")
    yield f"{where}/?run=clear-run"
    process.terminate()
    process.wait(20)


def choose(page, *rows):
    """Choose rows of the table, the first one 0; the newest run is at the top."""
    table = page.get_by_test_id("stDataFrame").first
    for row in rows:
        settle(page)
        box = table.bounding_box()
        page.mouse.click(box["x"] + BOX, box["y"] + HEAD + ROW * row + BOX)
    settle(page)


def test_two_runs_are_chosen_and_compared(page, store):
    settle(page)
    go(page, "Runs")
    choose(page, 1, 2)
    # In the file that a table offers by itself texts may be formulas.
    expect(page.locator("[aria-label^='Download as CSV']")).to_have_count(1)
    expect(page.locator("[aria-label^='Download as CSV']")).to_be_hidden()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_text("Paired by groups of questions: both runs ask the same 160")).to_be_visible()
    expect(page.get_by_role("heading", name="minus")).to_contain_text("made · review · lost-r minus")
    settle(page)
    assert "run=lost-run" in page.url and "other=clear-run" in page.url
    page.get_by_role("button", name="Compare the probes").click()
    expect(page.get_by_text("At the layers that each fold chose")).to_be_visible(timeout=SLOW)
    found = known_compared_probes(store, "lost-run", "clear-run", ProbeSettings(permutations=0))
    expect(page.get_by_text(f"is {found.chosen.value:+.3f} (")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    page.get_by_text("settings are the same").click()
    expect(page.get_by_test_id("stDataFrame")).to_have_count(2)


def test_a_link_shows_the_same_comparison(chromium, address):
    page = open_page(chromium, f"{address.split('?')[0]}compare?run=clear-run&other=lost-run")
    settle(page)
    heading = page.get_by_role("heading", name="minus")
    expect(heading).to_contain_text("clear-")
    expect(heading).to_contain_text("lost-r")
    page.close()


def test_a_run_is_deleted_and_taken_back_and_its_note_is_text(page, store):
    settle(page)
    go(page, "Runs")
    page.get_by_role("textbox", name="Search").fill("onerror typos")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No run holds all of these words.")).to_be_visible()
    page.get_by_role("textbox", name="Search").fill("ONERROR")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 3 runs")).to_be_visible()
    choose(page, 0)
    expect(page.get_by_role("textbox", name="Note")).to_have_value(HOSTILE)
    page.get_by_role("textbox", name="Tags").fill("spare")
    page.get_by_role("button", name="Save tags and note").click()
    settle(page)
    assert RemarkStore(store.cache).of("spare-run").tags == ("spare",)
    page.get_by_role("button", name="Move to the trash").click()
    page.get_by_role("button", name="Yes, move").click()
    expect(page.get_by_role("heading", name="Trash: 1 run")).to_be_visible()
    assert [entry.run for entry in Trash(store.cache).entries()] == ["spare-run"]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="The trash is empty")).to_be_visible()
    assert store.run("spare-run").answers == 320
    assert RemarkStore(store.cache).of("spare-run").tags == ("spare",)


def test_a_chosen_run_is_opened_for_every_page(page):
    settle(page)
    go(page, "Runs")
    choose(page, 2)
    page.get_by_role("button", name="Open run").click()
    settle(page)
    assert "/prune" in page.url and "run=clear-run" in page.url
