"""The pictures of the docs: each is of a page that is there, and shows what is on that page today.

With TELLTALE_SCREENSHOTS=1 (`make screenshots`) they are taken anew, of runs of the liar in the box, kept in
build/screenshots; otherwise what they were taken to show is looked for on the pages.
"""

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import ROOT, open_page, settle, start_app
from tests.conftest import beside
from tests.docs.shots import CHECKED_LAYER, PICTURED_LAYER, SHOTS, checked, pictured

TAKEN = os.environ.get("TELLTALE_SCREENSHOTS") == "1"
IMAGES = ROOT / "docs" / "images"
WIDTH, HEAVIEST = 1280, 200_000
"""Pixels; bytes of a file."""


@pytest.fixture(scope="module")
def folder(cache, tmp_path_factory) -> Path:
    if not TAKEN:
        return beside(cache, tmp_path_factory.mktemp("pictured"))
    kept = ROOT / "build" / "screenshots"
    if not kept.is_dir():
        kept.mkdir(parents=True)
        beside(cache, kept)
    return kept


@pytest.fixture(scope="module")
def runs(folder, tiny, tmp_path_factory) -> Mapping[str, str]:
    return pictured(folder) if TAKEN else checked(folder, tmp_path_factory.mktemp("brought"), tiny)


@pytest.fixture(scope="module")
def address(folder, runs):
    process, where = start_app(folder, folder / "app.log")
    yield where
    process.terminate()
    process.wait(20)


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.page)
def test_a_page_shows_what_its_picture_was_taken_to_show(shot, chromium, address, runs):
    page = open_page(chromium, address)
    page.set_viewport_size({"width": WIDTH, "height": shot.height})
    layer = PICTURED_LAYER if TAKEN else CHECKED_LAYER
    path = "" if shot.page == "generate" else shot.page
    page.goto(f"{address}/{path}?run={runs[shot.run]}&layer={layer}&{shot.chosen.format(**runs)}")
    settle(page)
    shot.before(page)
    settle(page)
    for text in shot.texts:
        shown = page.get_by_test_id("stMain").get_by_text(text).first
        expect(shown).to_be_visible()
    if TAKEN:
        page.wait_for_timeout(2000)  # charts are drawn after the script has ended
        take(page.screenshot(), IMAGES / f"{shot.page}.png")
    page.close()


def take(picture: bytes, file: Path) -> None:
    """Keep a picture, in as many colours as a palette holds: of a page that is all it needs."""
    file.parent.mkdir(exist_ok=True)
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(256).save(file, optimize=True)


def test_each_picture_that_docs_show_is_of_a_page_and_light_enough():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {name for page in pages for name in re.findall(r"images/([\w-]+)\.png", page.read_text())}
    assert shown == {shot.page for shot in SHOTS} == {file.stem for file in IMAGES.glob("*.png")}
    for shot in SHOTS:
        assert (ROOT / "dashboard" / "views" / f"{shot.page}.py").is_file()
        file = IMAGES / f"{shot.page}.png"
        assert file.stat().st_size < HEAVIEST
        with Image.open(file) as picture:
            assert picture.size == (WIDTH, shot.height)


def test_every_page_of_the_app_has_a_picture():
    views = {file.stem for file in (ROOT / "dashboard" / "views").glob("*.py")}
    assert {shot.page for shot in SHOTS} == views - {"__init__"}
