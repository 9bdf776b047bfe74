"""In a real browser without a network: reports and pages of figures open from the disk as they are."""

from pathlib import Path

import pytest

from core.figures.files import write_figures
from core.report.page import report_of_run
from core.store.runs import RunStore
from tests.conftest import beside
from tests.hostile_runs import IMAGE, NAME, PERSON, write_hostile_cache
from tests.report.test_figures import FIGURE

MADE_OF_TEXT = """() => [...document.querySelectorAll(
  'main a:not(.modebar-btn), img, iframe, object, embed, form, base, link, b, em, main script'
)].map((found) => found.outerHTML.slice(0, 200))"""


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


@pytest.fixture(scope="module")
def offline(chromium):
    """A context that can reach nothing but files."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    yield context
    context.close()


@pytest.fixture(scope="module")
def hostile(cache, tmp_path_factory):
    """A run whose every text is hostile, with decisions; its store."""
    store = RunStore(beside(cache, tmp_path_factory.mktemp("hostile")))
    return store, write_hostile_cache(store)[0]


@pytest.fixture(scope="module")
def report(hostile):
    return report_of_run(*hostile)


@pytest.fixture(scope="module")
def page(report, offline, tmp_path_factory):
    """Its report, opened from the disk without a network."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report.html, encoding="utf-8")
    page = opened(offline, path)
    page.locator(".chart .main-svg").last.wait_for()
    yield page
    page.close()


def test_it_opens_from_disk_without_a_network_and_fetches_nothing_else(page):
    assert page.problems == []
    assert [url for url in page.asked if not url.startswith(("data:", "blob:"))] == [page.url]


def test_every_figure_is_drawn(page, report):
    drawn = page.evaluate(
        "() => [...document.querySelectorAll('.chart')].filter(it => it.querySelector('.main-svg')).length"
    )
    assert drawn == len(report.figures) > 3


def test_hostile_text_stays_text(page):
    page.evaluate("() => document.querySelectorAll('details').forEach(it => it.open = true)")
    assert page.evaluate(MADE_OF_TEXT) == [] and page.evaluate("() => window.__pwned") is None
    shown = page.locator("main").inner_text()
    assert IMAGE in shown and NAME in shown and PERSON in shown


def test_the_pruning_trail_names_who_decided_what(page):
    rows = page.locator("h2#trail + .scroll tbody tr")
    assert rows.count() == 2 and "drop" in rows.nth(1).inner_text() and "3" in rows.nth(1).inner_text()


@pytest.mark.parametrize(("format", "begins"), [("SVG", b"<svg"), ("png", b"\x89PNG")])
def test_a_figure_can_be_saved_as_a_picture(page, format, begins):
    button = page.locator(f"#rates .modebar-btn[data-title$='{format}' i]")
    with page.expect_download() as saved:
        button.dispatch_event("click")  # a click waits for an app to stand still, and here is none
    assert saved.value.suggested_filename == f"rates.{format.lower()}"
    assert saved.value.path().read_bytes().startswith(begins)


def test_a_narrow_screen_scrolls_only_downwards(page):
    page.set_viewport_size({"width": 390, "height": 800})
    page.reload()
    page.locator(".chart .main-svg").last.wait_for()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_no_script_runs_but_its_own(page):
    page.evaluate(
        "() => { const own = document.createElement('script'); own.textContent = 'window.__pwned = 9';"
        " document.body.append(own); }"
    )
    assert page.evaluate("() => window.__pwned") is None
    page.problems.clear()  # the browser says that it refused


def test_a_page_of_a_figure_opens_without_a_network_beside_its_data(tmp_path, offline):
    files = write_figures([FIGURE], tmp_path, "html")
    assert [path.name for path in files] == ["one.csv", "one.html"]
    page = opened(offline, tmp_path / "one.html")
    page.locator(".main-svg").first.wait_for()
    assert "One <b>figure</b>" in page.locator(".gtitle").text_content() and page.problems == []
    assert {url.split("/")[-1] for url in page.asked} == {"one.html", "plotly.min.js"}
    page.close()
