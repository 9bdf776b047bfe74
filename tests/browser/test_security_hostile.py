"""In a real browser: what a person, a dataset or a model writes is shown as it was written, never acted on.

Every page that shows a run is visited with a run whose every text is hostile; nothing may run, load or link.
"""

import pytest
from playwright.sync_api import expect

from core.store.runs import RunStore
from dashboard.plain_text import CUT
from tests.browser.conftest import SLOW, choose, go, settle, start_app
from tests.conftest import beside
from tests.hostile_runs import ELSEWHERE, MODEL, NAME, PERSON, TEXT, write_hostile_cache
from tests.watched import Watched

WORKS = {
    "Probes": "Judge on test",
    "Read or said": "Follow the direction",
    "Transfer": "Fill the matrix",
    "Shifts": "Judge the shifts",
}
"""Pages on which a button brings a result."""
PARTS = ("Rules", "Queue", "All answers", "Before and after", "People and trail")
"""Of the Prune page."""
ACTED_ON = f"""() => {{
  const found = window.__pwned === undefined ? [] : [`a script ran: ${{window.__pwned}}`];
  const loading = 'a,img,iframe,object,embed,link,script,form,base';
  const marking = 'b,strong,em,code,span[style],tspan,.katex,[data-testid=stIconMaterial]';
  for (const node of document.querySelectorAll(loading)) {{
    const address = ['href', 'src', 'data', 'action', 'xlink:href'].map(at => node.getAttribute(at)).join();
    if (/\\/{ELSEWHERE}|\\.{ELSEWHERE}|@{ELSEWHERE}|javascript:|^,x,/.test(address))
      found.push(`${{node.tagName}} to ${{address}}`);
  }}
  for (const node of document.querySelectorAll(marking))
    if (/^(bo|st|co|re|delete|x|p|m)$/.test(node.textContent.trim()) || /katex/.test(node.className))
      found.push(`marked up: ${{node.outerHTML.slice(0, 200)}}`);
  return found;
}}"""


@pytest.fixture(scope="module")
def hostile(cache, tmp_path_factory):
    """A cache with two hostile runs; and the first one's id."""
    folder = beside(cache, tmp_path_factory.mktemp("hostile"))
    return folder, write_hostile_cache(RunStore(folder))[0]


@pytest.fixture(scope="module")
def watched(hostile):
    """The watch over the server's sockets."""
    return Watched(hostile[0] / "sockets")


@pytest.fixture(scope="module")
def page(chromium, hostile, watched):
    folder, run = hostile
    server, address = start_app(folder, folder / "app.log", **watched.variables)
    page = chromium.new_page(viewport={"width": 1500, "height": 1400})
    page.sent = []
    page.on("request", lambda sent: page.sent.append(sent.url))
    page.on("websocket", lambda socket: page.sent.append(socket.url.replace("ws", "http", 1)))
    page.set_default_timeout(SLOW)
    page.goto(f"{address}/?run={run}")
    page.get_by_text("GB free").wait_for()
    page.set_default_timeout(60_000)
    yield page
    page.close()
    server.terminate()
    server.wait(20)


def as_shown(locator):
    """The text on screen without the cuts, which have no width."""
    return locator.inner_text().replace(CUT, "")


def open_everything(page):
    page.evaluate(
        "() => document.querySelectorAll('details:not([open]) > summary').forEach(it => it.click())"
    )
    settle(page)


def point_at_charts(page):
    """Moves over every chart; gives all that its boxes said, after a check at each place."""
    said = []
    for chart in page.locator(".js-plotly-plot .nsewdrag").all():
        if not chart.is_visible():
            continue
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        for across in (0.25, 0.45, 0.5, 0.55, 0.75):
            page.mouse.move(box["x"] + across * box["width"], box["y"] + box["height"] / 2, steps=2)
            said += page.locator(".hoverlayer").all_text_contents()
            assert page.evaluate(ACTED_ON) == []
    return "".join(said)


def check(page):
    """Nothing ran, was loaded, linked or marked up, and no page failed."""
    assert page.evaluate(ACTED_ON) == []
    here = page.url.partition("?")[0].rpartition("/")[0]
    assert [url for url in page.sent if not url.startswith((f"{here}/", "data:", "blob:"))] == []
    assert page.get_by_test_id("stException").count() == 0


@pytest.mark.parametrize(
    "name",
    [
        "Generate",
        "Elicit",
        "Projection",
        "Probes",
        "Read or said",
        "Lie score",
        "Transfer",
        "Shifts",
        "Steer",
        "Export",
    ],
)
def test_a_page_shows_hostile_text_as_text(page, name):
    go(page, name)
    if name in WORKS:
        page.get_by_role("button", name=WORKS[name]).click()
        expect(page.get_by_role("button", name=WORKS[name])).to_have_count(0, timeout=SLOW)
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=SLOW)
        settle(page)
    open_everything(page)
    said = point_at_charts(page)
    check(page)
    if name == "Projection":
        assert "<b>bo</b>" in said and f"[li](http://{ELSEWHERE}/l)" in said
    assert MODEL in as_shown(page.get_by_test_id("stSidebar"))


def test_pruning_shows_hostile_text_as_text(page):
    go(page, "Prune")
    for part in PARTS:
        choose(page, page.get_by_role("radio", name=part, exact=True))
        open_everything(page)
        point_at_charts(page)
        check(page)
        shown = as_shown(page.get_by_test_id("stMain"))
        if part == "Queue":
            assert repr(TEXT)[1:-1] in shown
    cells = page.get_by_test_id("stDataFrame").last.locator("td").all_text_contents()
    assert {PERSON, NAME, TEXT} <= set(cells)


def test_tokens_and_statements_show_hostile_text_as_text(page):
    for name in ("Tokens", "Statements"):
        go(page, name)
        open_everything(page)
        point_at_charts(page)
        check(page)


def test_lists_to_choose_from_show_hostile_names(page):
    go(page, "Elicit")
    page.get_by_role("combobox", name="Templates").click()
    expect(page.get_by_role("option", name=NAME, exact=True)).to_be_visible()
    check(page)
    page.keyboard.press("Escape")


def test_tables_offer_no_download_that_keeps_formulas(page):
    go(page, "Generate")
    table = page.get_by_test_id("stDataFrame").first
    table.hover()
    page.get_by_role("button", name="Search").first.wait_for()
    assert page.locator("[aria-label='Download as CSV']").count(), (
        "it is called otherwise: hide it by that name"
    )
    expect(page.locator("[aria-label='Download as CSV']").locator("visible=true")).to_have_count(0)


def test_the_served_app_and_its_browser_reach_out_to_nobody(page, watched):
    go(page, "Projection")
    check(page)
    assert any(url.endswith("/_stcore/stream") for url in page.sent)
    assert watched.elsewhere() == []


@pytest.mark.parametrize(
    "acted",
    [
        f"<a href='http://{ELSEWHERE}'>li</a>",
        "<a href='javascript:__pwned=3'>an</a>",
        f"<svg><a xlink:href='http://{ELSEWHERE}/l'><text>li</text></a></svg>",
        "<img src=x>",
        "<b>bo</b>",
        "<span class=katex>LaTeX</span>",
    ],
)
def test_the_check_sees_what_it_looks_for(chromium, acted):
    page = chromium.new_page()
    page.set_content(f"<p>{acted}</p>")
    assert len(page.evaluate(ACTED_ON)) == 1
    page.close()
