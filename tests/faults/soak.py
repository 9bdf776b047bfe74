"""Long use of one server: pages opened and closed, runs made and deleted, models switched: nothing grows."""

import re
import shutil
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import mkdtemp

import torch
from playwright.sync_api import Browser, Page, expect
from safetensors.torch import load_file, save_file

from dashboard.model_panel import LOCAL
from tests.browser.conftest import go, open_page, settle
from tests.faults.browser import in_browser
from tests.faults.outcome import Injection
from tests.faults.processes import run
from tests.faults.scene import Scene, failure, result
from tests.faults.server import Server

FAULT = "long use of one server"
PAGES = ("Prune", "Projection", "Probes", "Tokens")
EVERY, LOOKS = 1.0, 20
"""Seconds between two looks at open files, and how many there are until a number stays."""
MEMORY, FILES = 1.10, 5
"""How much the second half may have over the first: of memory by a factor, of open files by so many."""
FORGET = {"STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": "1"}
"""Streamlit keeps who left for two minutes, with the three files of an event loop: here for a second."""
QUESTIONS = 10
PATIENCE = 60_000
"""Milliseconds that a page may take for anything that is asked of it."""


def soak(scene: Scene) -> Iterator[Injection]:
    """Ten minutes of use, or one."""
    yield in_browser(partial(use_for_long, scene, 60.0 * scene.times(short=1, full=10)))


def use_for_long(scene: Scene, seconds: float, browser: Browser) -> Injection:
    """Lap after lap, the first of them before anything is counted: it imports and loads what stays."""
    server, models = Server(scene.cache(), **FORGET), (scene.tiny, other_model(scene))
    try:
        lost = [*lap(browser, server, models[0]), *lap(browser, server, models[1])]
        until, watch = time.monotonic() + seconds, Watch(server)
        for number in count():
            lost += lap(browser, server, models[number % 2])
            watch.look()
            if time.monotonic() > until:
                break
        return Injection(FAULT, f"{number + 1} laps, {watch.told}", (*dict.fromkeys(lost), *watch.grown))
    finally:
        server.kill()


class Watch:
    """A server's memory and open files after each lap, when nobody is there: they come and go within one."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.memory: list[int] = []
        self.files: list[int] = []

    def look(self) -> None:
        """Look once the server has noticed that its visitor left."""
        before = -1
        for _ in range(LOOKS):
            if (now := self._server.open_files) == before:
                break
            before = now
            time.sleep(EVERY)
        self.memory.append(self._server.memory)
        self.files.append(now)

    @property
    def told(self) -> str:
        """What was seen, in a few words."""
        (first, last), (few, many) = halves(self.memory), halves(self.files)
        return f"{first / 1e6:,.0f} to {last / 1e6:,.0f} MB, {few:.0f} to {many:.0f} open files"

    @property
    def grown(self) -> tuple[str, ...]:
        """What grew."""
        (first, last), (few, many) = halves(self.memory), halves(self.files)
        lost = ("memory grew",) if last > MEMORY * first else ()
        return (*lost, "open files grew") if many > few + FILES else lost


def halves(seen: list[int]) -> tuple[float, float]:
    """The medians of the first and of the second half."""
    half = len(seen) // 2
    return median(seen[: max(half, 1)]), median(seen[half:])


def lap(browser: Browser, server: Server, model: Path) -> list[str]:
    """One visitor chooses a model, makes a run, looks at pages and leaves; then the run is deleted."""
    page = open_page(browser, server.address)
    page.set_default_timeout(PATIENCE)
    page.get_by_text("GB free").wait_for()
    settle(page)
    choose_model(page, model)
    fill(page, "How many (balanced)", QUESTIONS)
    page.get_by_role("button", name=re.compile("^Start")).click()
    expect(page.get_by_text(f"{2 * QUESTIONS} of {2 * QUESTIONS} answers").first).to_be_visible(
        timeout=PATIENCE
    )
    for name in PAGES:
        go(page, name)
    lost = [*page.evaluate("() => [...window.seenBoxes]"), *page.problems]
    page.close()
    for made in result(run("runs", "--cache", server.cache, "--json"))["runs"]:
        lost += failure(run("runs", "delete", made["run"], "--cache", server.cache))
    return [*lost, *failure(run("runs", "empty-trash", "--cache", server.cache))]


def choose_model(page: Page, model: Path) -> None:
    """Choose a model in a folder."""
    page.get_by_role("combobox", name="Model", exact=True).click()
    page.get_by_role("option", name=LOCAL, exact=True).click()
    settle(page)
    fill(page, "Path", model)


def fill(page: Page, label: str, value: object) -> None:
    """Type something into a field."""
    box = page.get_by_label(label, exact=True)
    box.fill(str(value))
    box.press("Enter")
    settle(page)


def other_model(scene: Scene) -> Path:
    """Another model of the same shape, so that models are switched."""
    folder = Path(shutil.copytree(scene.tiny, Path(mkdtemp(dir=scene.folder)) / "other"))
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: torch.flip(w, (0,)) for name, w in weights.items()},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    return folder
