"""What every page owes the person before it, on runs of long and hostile texts.

A link that shows a colleague the same thing, help in place, names for who hears the page, a table behind each
chart, and room on a narrow and a dark screen.
"""

import tomllib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from playwright.sync_api import expect

from core.probes.lie_score import LieScoreSettings
from core.probes.lie_score_of_run import lie_score_of_run
from core.probes.of_run import probe_run
from core.probes.read_or_said_of_run import read_or_said_of_run
from core.probes.rows import ProbeSettings
from core.probes.shifts_of_runs import shifts_of_runs
from core.store.runs import RunStore
from tests.browser.conftest import SLOW, go, settle, start_app
from tests.conftest import beside
from tests.hostile_runs import SHAPE, write_hostile_cache

THEME = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())["theme"]
CONTROLS = {
    *("button", "textbox", "searchbox", "combobox", "listbox", "spinbutton", "slider", "checkbox", "radio"),
    *("switch", "tab", "link", "menuitem", "DisclosureTriangle", "figure"),
}
"""Roles of what is operated, or drawn, in Chromium's accessibility tree."""
NARROW = 390
NO_NULL = ProbeSettings(permutations=0)
CHARTS = {"projection": 1, "probes": 3, "read_or_said": 2, "lie_score": 2, "shifts": 1, "tokens": 2}
"""Charts of pages whose figures are there."""


@pytest.fixture(scope="module")
def store(cache, tmp_path_factory):
    """A run and the same questions in capitals, with figures on the pages that need no model for them."""
    found = RunStore(beside(cache, tmp_path_factory.mktemp("person")))
    first, second = write_hostile_cache(found)
    probe_run(found, first, ProbeSettings(permutations=20))
    read_or_said_of_run(found, first, "prompt", resamples=20)
    lie_score_of_run(found, first, LieScoreSettings(layer=1))
    shifts_of_runs(found, first, [second], NO_NULL)
    return found


@pytest.fixture(scope="module")
def runs(store):
    """The ids of the plain run and of the one in capitals."""
    by_style = {run.style: run.run for run in store.runs()}
    return by_style["plain"], by_style["upper"]


@pytest.fixture(scope="module")
def address(store):
    process, where = start_app(store.cache, store.cache / "app.log")
    yield where
    process.terminate()
    process.wait(20)


def held(page) -> dict[str, str]:
    """What the address holds."""
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def shown(page, label: str) -> str:
    """What a select box shows."""
    return page.get_by_role("combobox", name=label, exact=True).input_value()


def test_a_link_opened_cold_shows_run_layer_and_filters(page, address, runs):
    link = {
        "run": runs[1],
        "layer": "1",
        "target": "said",
        "train": "lie",
        "test": "honest",
        "null": "20",
    }
    page.goto(f"{address}/probes?" + "&".join(f"{name}={value}" for name, value in link.items()))
    expect(page.get_by_role("button", name="Cross-validate")).to_be_visible(timeout=SLOW)
    settle(page)
    assert [shown(page, label) for label in ("Target", "Train on", "Test on")] == ["said", "lie", "honest"]
    assert page.get_by_role("spinbutton", name="Null").input_value() == "20"
    assert shown(page, "Run").endswith(runs[1][:6])
    assert held(page) == link
    go(page, "Projection")
    expect(page.get_by_text("Layer 1, position prompt")).to_be_visible(timeout=SLOW)
    assert held(page) == {"run": runs[1], "layer": "1"}
    go(page, "Probes")
    settle(page)
    assert held(page) == link
    assert shown(page, "Target") == "said"
    page.go_back()
    settle(page)
    if "/probes" in page.url:  # Streamlit may keep a step between the page's link and its filters
        page.go_back()
    expect(page.get_by_text("Layer 1, position prompt")).to_be_visible(timeout=SLOW)


def test_what_is_chosen_stands_in_the_address(page, address, runs):
    page.goto(f"{address}/projection?run={runs[0]}&layer=0")
    expect(page.get_by_text("Layer 0, position prompt")).to_be_visible(timeout=SLOW)
    settle(page)
    slider = page.get_by_role("slider", name="Layer")
    slider.focus()
    slider.press("ArrowRight")
    expect(page.get_by_text("Layer 1, position prompt")).to_be_visible(timeout=SLOW)
    settle(page)
    page.get_by_role("combobox", name="Colour").click()
    page.get_by_role("option", name="mode", exact=True).click()
    settle(page)
    assert held(page) == {"run": runs[0], "layer": "1", "colour": "mode"}
    page.reload()
    expect(page.get_by_text("Layer 1, position prompt")).to_be_visible(timeout=SLOW)
    settle(page)
    assert shown(page, "Colour") == "mode"
    page.get_by_role("combobox", name="Colour").click()
    page.get_by_role("option", name="truth", exact=True).click()
    settle(page)
    assert held(page) == {"run": runs[0], "layer": "1"}


def test_back_and_forward_are_followed_between_filters_and_layers_of_a_page(page, address, runs):
    page.goto(f"{address}/projection?run={runs[0]}&layer=0")
    expect(page.get_by_text("Layer 0, position prompt")).to_be_visible(timeout=SLOW)
    settle(page)
    for colour in ("mode", "said"):
        page.get_by_role("combobox", name="Colour").click()
        page.get_by_role("option", name=colour, exact=True).click()
        settle(page)
    page.get_by_role("slider", name="Layer").press("ArrowRight")
    expect(page.get_by_text("Layer 1, position prompt")).to_be_visible(timeout=SLOW)
    settle(page)
    seen = []
    for turn in (page.go_back, page.go_back, page.go_back, page.go_forward, page.go_forward, page.go_forward):
        turn()
        settle(page)
        layer = page.get_by_role("slider", name="Layer").input_value()
        seen.append((shown(page, "Colour"), layer))
        expect(page.get_by_text(f"Layer {layer}, position prompt")).to_be_visible(timeout=SLOW)
    assert seen == list(zip(("said", "mode", "truth", "mode", "said", "said"), "000001", strict=True))
    assert held(page) == {"run": runs[0], "layer": "1", "colour": "said"}


def test_values_that_cannot_be_used_are_ignored_in_a_sentence(page, address):
    wrong = f"{address}/probes?run=<b>gone</b>&layer={SHAPE.layers}&target=everything&null=-3&train=honest"
    page.goto(wrong)
    expect(page.get_by_text("no run of that name is here")).to_be_visible(timeout=SLOW)
    settle(page)
    expect(page.get_by_text("run “<b>gone</b>”")).to_be_visible()
    expect(page.get_by_text(f"it is a whole number from 0 to {SHAPE.layers - 1}")).to_be_visible()
    expect(
        page.get_by_text("target “everything”, which is ignored: this page offers truth, said")
    ).to_be_visible()
    expect(page.get_by_text("it is a whole number from 0 to 1000")).to_be_visible()
    assert set(held(page)) == {"run", "layer"}
    go(page, "Projection")
    expect(page.get_by_text("which is ignored")).to_have_count(0)


def nameless(page) -> list[str]:
    """Controls and charts of which a screen reader could say no name, as Chromium computes it."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    shown = [node for node in tree if not node.get("ignored") and node["role"]["value"] in CONTROLS]
    assert len(shown) > 10
    return [node["role"]["value"] for node in shown if not node.get("name", {}).get("value", "").strip()]


def pages(page) -> list[str]:
    """The path of every page in the navigation."""
    page.get_by_test_id("stTopNavSection").click()
    page.get_by_test_id("stTopNavDropdownLink").first.wait_for()
    links = page.locator("[data-testid=stTopNavLink], [data-testid=stTopNavDropdownLink]").all()
    return [urlsplit(link.get_attribute("href")).path.strip("/") for link in links]


def test_every_page_has_help_names_tables_and_room(page, address, runs):
    """On a dark screen; then on a narrow one, where nothing may stick out at the side."""
    settle(page)
    paths = pages(page)
    assert {"", "runs", "compare", "import", "export"} < set(paths) and len(paths) >= 16
    page.emulate_media(color_scheme="dark")
    for path in paths:
        page.goto(f"{address}/{path}?run={runs[0]}&null=20&resamples=20&read-at=1")
        expect(page.get_by_text("What am I looking at?")).to_be_visible(timeout=SLOW)
        settle(page)
        tables = page.get_by_text("As a table: ").count()
        assert tables >= CHARTS.get(path, 0), path
        expect(page.locator(".js-plotly-plot")).to_have_count(tables)
        assert nameless(page) == [], path
        page.get_by_text("What am I looking at?").click()
        expect(page.get_by_text("What it cannot tell.")).to_be_visible()
        main = page.get_by_test_id("stMain")
        page.set_viewport_size({"width": NARROW, "height": 1000})
        settle(page)
        assert main.evaluate("it => it.scrollWidth - it.clientWidth") <= 0, path
        page.set_viewport_size({"width": 1500, "height": 1400})
    ground = page.get_by_test_id("stApp").evaluate("it => getComputedStyle(it).backgroundColor")
    hexadecimal = THEME["dark"]["backgroundColor"]
    assert ground == f"rgb({', '.join(str(int(hexadecimal[n : n + 2], 16)) for n in (1, 3, 5))})"


def test_a_chart_has_its_table_behind_it(page, address, store, runs):
    page.goto(f"{address}/shifts?run={runs[0]}")
    page.get_by_text("As a table: AUROC lost by each shift").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download AUROC lost by each shift (CSV)").click()
    table = pd.read_csv(download.value.path())
    known = shifts_of_runs(store, runs[0], [runs[1]], NO_NULL).to_frame()
    assert download.value.suggested_filename == "auroc-lost-by-each-shift.csv"
    assert table["drop"].to_numpy() == pytest.approx(known["drop"].to_numpy())


def test_the_camera_over_a_chart_saves_png_or_svg(page, address, runs):
    page.goto(f"{address}/shifts?run={runs[0]}")
    page.get_by_text("As a table: AUROC lost by each shift").click()
    saved = {}
    for name in ("PNG", "SVG"):
        page.get_by_role("radio", name=name).or_(page.get_by_text(name, exact=True)).first.click()
        settle(page)
        page.locator(".js-plotly-plot").first.hover()
        with page.expect_download() as download:
            page.locator(".modebar-btn[data-title^='Download plot']").first.click()
        saved[download.value.suggested_filename] = Path(download.value.path()).read_bytes()
    assert list(saved) == ["auroc-lost-by-each-shift.png", "auroc-lost-by-each-shift.svg"]
    assert saved["auroc-lost-by-each-shift.png"].startswith(b"\x89PNG")
    drawn = saved["auroc-lost-by-each-shift.svg"].decode()
    assert drawn.startswith("<svg") and "AUROC" in drawn and "<script" not in drawn


def test_the_words_are_explained_beside_every_page(page, address):
    page.goto(f"{address}/probes")
    page.get_by_role("button", name="What the words mean").click()
    expect(page.get_by_text("An error is not a lie.")).to_be_visible()
