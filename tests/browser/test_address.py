"""The address in the browser: a link opened cold shows what its sender saw, and follows what is chosen."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SLOW, go, settle, start_app
from tests.conftest import beside
from tests.shift_runs import LAYERS, store_all


@pytest.fixture(scope="module")
def address(cache, tmp_path_factory):
    folder = beside(cache, tmp_path_factory.mktemp("address"))
    store_all(folder)
    process, where = start_app(folder, folder / "app.log")
    yield where
    process.terminate()
    process.wait(20)


def held(page) -> dict[str, str]:
    """What the address holds."""
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def shown(page, label: str) -> str:
    """What a select box shows."""
    return page.get_by_role("combobox", name=label, exact=True).input_value()


def test_a_link_opened_cold_shows_run_layer_and_filters(page, address):
    link = {
        "run": "upper-run",
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
    assert shown(page, "Run").endswith("upper-")
    assert held(page) == link
    go(page, "Projection")
    expect(page.get_by_text("Layer 1, position prompt")).to_be_visible(timeout=SLOW)
    assert held(page) == {"run": "upper-run", "layer": "1"}
    go(page, "Probes")
    settle(page)
    assert held(page) == link
    assert shown(page, "Target") == "said"
    page.go_back()
    expect(page.get_by_text("Layer 1, position prompt")).to_be_visible(timeout=SLOW)


def test_what_is_chosen_stands_in_the_address(page, address):
    page.goto(f"{address}/projection?run=typos-run&layer=0")
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
    assert held(page) == {"run": "typos-run", "layer": "1", "colour": "mode"}
    page.reload()
    expect(page.get_by_text("Layer 1, position prompt")).to_be_visible(timeout=SLOW)
    settle(page)
    assert shown(page, "Colour") == "mode"
    page.get_by_role("combobox", name="Colour").click()
    page.get_by_role("option", name="truth", exact=True).click()
    settle(page)
    assert held(page) == {"run": "typos-run", "layer": "1"}


def test_values_that_cannot_be_used_are_ignored_in_a_sentence(page, address):
    wrong = f"{address}/probes?run=<b>gone</b>&layer={LAYERS}&target=everything&null=-3&train=honest"
    page.goto(wrong)
    expect(page.get_by_text("no run of that name is here")).to_be_visible(timeout=SLOW)
    settle(page)
    expect(page.get_by_text("run “<b>gone</b>”")).to_be_visible()
    expect(page.get_by_text(f"it is a whole number from 0 to {LAYERS - 1}")).to_be_visible()
    expect(
        page.get_by_text("target “everything”, which is ignored: this page offers truth, said")
    ).to_be_visible()
    expect(page.get_by_text("it is a whole number from 0 to 1000")).to_be_visible()
    assert set(held(page)) == {"run", "layer"}
    go(page, "Projection")
    expect(page.get_by_text("which is ignored")).to_have_count(0)
