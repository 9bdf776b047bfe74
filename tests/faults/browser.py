"""Browser sessions of the campaign: each a real Chromium page on a real server."""

import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import BROWSER_FLAGS, SLOW, metric, open_page, settle

Made = TypeVar("Made")
COUNTED = ("Dropped", "Dropped in training only", "Unsure")
"""The figures of the Prune page that count what was decided."""
CARD = re.compile(r"^Answer \d+ · mode")
STEP = 100
"""Milliseconds between two looks at a page."""


def in_browser(work: Callable[[Browser], Made]) -> Made:
    """Do work with a browser, in a thread of its own: playwright allows one of its kind in each."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_drive, work).result()


def _drive(work: Callable[[Browser], Made]) -> Made:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise RuntimeError("no Chromium was found: `make test` installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=BROWSER_FLAGS)
        try:
            return work(browser)
        finally:
            browser.close()


def _number(text: str) -> int:
    """The first number of a text."""
    return int(re.findall(r"\d+", text.replace(",", ""))[0])


class Pruner:
    """A person on the Prune page, in a session of their own."""

    def __init__(self, browser: Browser, address: str, run: str, who: str | None = None) -> None:
        self.page: Page = open_page(browser, f"{address}/?run={run}")
        self.page.get_by_role("link", name="Prune", exact=True).click()
        expect(self.page.get_by_role("button", name="Drop all modes")).to_be_visible(timeout=SLOW)
        settle(self.page)
        if who is not None:
            self.sign(who)

    def sign(self, who: str) -> None:
        """Sign the decisions with a name."""
        self.page.get_by_role("button", name="Name and margin").click()
        name = self.page.get_by_label("Decisions are signed")
        name.fill(who)
        name.press("Enter")
        settle(self.page)
        self.page.keyboard.press("Escape")
        self.page.get_by_text("Suggested because").first.click()
        self.page.keyboard.press("Escape")
        settle(self.page)

    def shown(self) -> int:
        """The answer that the queue shows."""
        return _number(self.page.get_by_text(CARD).first.inner_text())

    def counted(self) -> int:
        """How many decisions the page counts."""
        return sum(int(metric(self.page, name).replace(",", "")) for name in COUNTED)

    def decide(self, key: str, going_on: Callable[[], bool] = lambda: True) -> int | None:
        """Press a key of the queue; gives the answer once the page has counted it.

        Args:
            going_on: asked while it waits; None is given where it says no first.
        """
        while (first := self._seen()) is None:
            if not going_on():
                return None
            self.page.wait_for_timeout(STEP)
        self.page.keyboard.press(key)
        while True:
            now = self._seen()
            if now is not None and now[1] > first[1] and (now[0] != first[0] or not going_on()):
                return first[0]
            if not going_on():
                return None
            self.page.wait_for_timeout(STEP)

    def _seen(self) -> tuple[int, int] | None:
        """The answer shown and the decisions counted; None while one of them is not drawn."""
        figures = self.page.get_by_test_id("stMetric")
        texts = [
            self.page.get_by_text(CARD).all_inner_texts(),
            *(figures.filter(has_text=n).get_by_test_id("stMetricValue").all_inner_texts() for n in COUNTED),
        ]
        if not all(texts):
            return None
        answer, *counted = (_number(found[0]) for found in texts)
        return answer, sum(counted)

    def press(self, key: str) -> int:
        """Press a key of the queue; gives the answer that it was pressed on, once the queue has gone on."""
        answer = self.shown()
        self.page.keyboard.press(key)
        while self.shown() == answer:
            self.page.wait_for_timeout(STEP)
        settle(self.page)
        return answer

    @property
    def boxes(self) -> list[str]:
        """Every error box that was ever on screen."""
        return self.page.evaluate("() => [...window.seenBoxes]")
