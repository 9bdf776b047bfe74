"""Import and Export in a real browser: what is brought becomes a run, what is taken out opens."""

import re
import zipfile

import datasets
import pytest
from playwright.sync_api import expect

from core.exchange.import_states import import_states
from core.store.runs import RunStore
from tests.browser.conftest import SLOW, go, open_page, settle, start_app
from tests.exchange.brought import N, bring, table

NAME = "<img src=x onerror=__pwned=1> :smile: **st**"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cache of its own with one run, and no model: none is needed to bring states and take them out."""
    return tmp_path_factory.mktemp("exchange")


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    return import_states(RunStore(folder), *bring(tmp_path_factory.mktemp("there"))).run


@pytest.fixture(scope="module")
def address(folder, run):
    process, where = start_app(folder, folder / "app.log")
    yield where
    process.terminate()
    process.wait(20)


@pytest.fixture
def page(chromium, address):
    page = open_page(chromium, address)
    yield page
    boxes = page.evaluate("() => [...window.seenBoxes]")
    pwned = page.evaluate("() => window.__pwned")
    page.close()
    assert (boxes, page.problems, pwned) == ([], [], None)


def fill(page, name, text):
    page.get_by_role("textbox", name=name, exact=True).fill(text)
    page.keyboard.press("Enter")
    settle(page)


def test_states_that_are_uploaded_are_understood_named_imported_and_probed(page, folder, tmp_path):
    go(page, "Import")
    files = bring(tmp_path, table(60))
    for place, file in enumerate(files):
        page.locator("input[type=file]").nth(place).set_input_files(str(file))
        settle(page)
        expect(page.get_by_text("Now the table of its labels")).to_have_count(1 - place)
    answers = page.get_by_test_id("stMetric").filter(has_text="Answers")
    expect(answers.get_by_test_id("stMetricValue")).to_have_text("120")
    assert len(RunStore(folder).runs()) == 1, "nothing is stored before it is asked for"
    fill(page, "Name of the run", NAME)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Every page looks at it now.")).to_be_visible(timeout=SLOW)
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text("120 of 120 answers")).to_be_visible()
    assert NAME in sidebar.inner_text().replace("\u2060", "")
    page.get_by_role("button", name="Open Probes").click()
    expect(page.get_by_role("button", name="Judge on test")).to_be_visible(timeout=SLOW)


def test_what_does_not_fit_together_is_said_before_anything_is_stored(page, folder, tmp_path):
    before = len(RunStore(folder).runs())
    go(page, "Import")
    states, labels = bring(tmp_path)
    labels.write_text("\n".join(labels.read_text().splitlines()[:-3]))
    page.get_by_role("radio", name="A path on the machine that Telltale runs on").click()
    fill(page, "States, Inspect log or transcripts", str(states))
    fill(page, "Table of labels", str(labels))
    refusal = page.get_by_test_id("stAlertContentError")
    expect(refusal).to_contain_text(f"has {2 * N} rows and labels.csv has {2 * N - 3}")
    expect(page.get_by_role("button", name="Import", exact=True)).to_have_count(0)
    assert len(RunStore(folder).runs()) == before
    page.evaluate("() => window.seenBoxes.clear()")


def test_a_run_is_written_as_a_dataset_that_opens_and_as_a_download(page, address, run, tmp_path):
    page.goto(f"{address}/export?run={run}&form=dataset&layers=1")
    settle(page)
    fill(page, "New folder", str(tmp_path / "out"))
    page.get_by_role("button", name="Write it").click()
    expect(page.get_by_text("Written to")).to_be_visible(timeout=SLOW)
    opened = datasets.load_from_disk(str(tmp_path / "out"))
    assert len(opened) == 2 * N and "prompt.blocks.0.hook_resid_post" in opened.column_names
    page.goto(f"{address}/export?run={run}&to=download")
    settle(page)
    page.get_by_role("button", name="Write it").click()
    with page.expect_download() as taken:
        page.get_by_role("button", name=f"Download run-{run}.zip").click()
    with zipfile.ZipFile(taken.value.path()) as archive:
        assert f"run-{run}/answers.parquet" in archive.namelist() and archive.testzip() is None


def test_what_would_be_pushed_is_read_first_and_written_to_a_folder(page, address, run, tmp_path):
    page.goto(f"{address}/export?run={run}&form=push")
    settle(page)
    expect(page.get_by_text("set offline here")).to_be_visible()
    page.get_by_text("The card, README.md").click()
    expect(page.get_by_test_id("stCode").first).to_contain_text(f"Run {run}: hidden states")
    page.get_by_role("radio", name="A folder or a download, to look at or send later").click()
    fill(page, "New folder", str(tmp_path / "package"))
    page.get_by_role("button", name="Write it").click()
    expect(page.get_by_text("Written to")).to_be_visible(timeout=SLOW)
    card = (tmp_path / "package" / "README.md").read_text()
    assert f"Run {run}" in card and str(tmp_path) not in card


def test_at_1280_pixels_every_link_is_in_view_and_the_others_in_one_menu(page, address):
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{address}/import")
    settle(page)
    navigation = page.get_by_test_id("stTopNav")
    expect(navigation.get_by_role("link", name="Statements", exact=True)).to_be_visible()
    expect(navigation.get_by_test_id("stTopNavSection")).to_be_visible()
    navigation.get_by_test_id("stTopNavSection").click()
    titles = [re.compile(f"{name}$") for name in ("Runs", "Compare", "Import", "Export")]
    expect(page.get_by_test_id("stTopNavDropdownLink")).to_have_text(titles)
