"""How long every page takes with a run at hand: `python -m benchmarks.views --cache FOLDER`.

A real Chromium opens each page of a server of its own, twice: cold, with nothing read yet, and warm. Beside
the seconds, which other work on the machine stretches, stand the server's own seconds of processor time and
the most memory that it ever held.
"""

import argparse
import re
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, sleep

from core.errors import TelltaleError
from core.paths import cache_folder
from core.store.runs import Run, RunStore

PAGES = {
    "Generate": "",
    "Elicit": "elicit",
    "Prune": "prune",
    "Projection": "projection",
    "Probes": "probes",
    "Read or said": "read_or_said",
    "Lie score": "lie_score",
    "Transfer": "transfer",
    "Shifts": "shifts",
    "Steer": "steer",
    "Tokens": "tokens",
    "Statements": "statements",
    "Runs": "runs",
    "Compare": "compare",
    "Import": "import",
    "Export": "export",
}
COLD, WARM = 5.0, 1.0
"""Seconds within which a page settles, or shows at once that it is at work."""
PATIENCE = 600_000
RESTING = 0.05
"""Seconds that a server at rest computes in a second, at most."""
ASLEEP = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
DRAWN = (
    "document.querySelector('[data-testid=stMainBlockContainer] "
    "[data-testid=stElementContainer]:not(:has([data-testid=stHtml]))')"
)
AT_WORK = (
    "[data-testid=stMainBlockContainer] [data-testid=stSpinner],"
    "[data-testid=stMainBlockContainer] [data-testid=stProgress]"
)


@dataclass(frozen=True)
class Visit:
    """One look at a page.

    Attributes:
        drawn, settled: seconds until the first thing stands on the page, and until all does.
        processor: seconds that the server computed meanwhile, all threads together.
        at_work: whether the page said by a bar or a spinner that it was at work.
    """

    drawn: float
    settled: float
    processor: float
    at_work: bool

    def met(self, bar: float) -> bool:
        """Whether it settled within so many seconds, or drew within a second and said that it was at work."""
        return self.settled <= bar or (self.at_work and self.drawn <= WARM)


@dataclass(frozen=True)
class PageTimes:
    """A page opened cold and then warm, and the most memory of its server, bytes; boxes: errors on screen."""

    page: str
    cold: Visit
    warm: Visit
    peak: int
    boxes: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Whether both looks kept their bars, without an error."""
        return not self.boxes and self.cold.met(COLD) and self.warm.met(WARM)

    def to_dict(self) -> dict:
        """Plain values."""
        return asdict(self) | {"met": self.met}


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; exit code 1 where a bar is missed, 2 where nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.views", description=__doc__)
    parser.add_argument("--cache", required=True, help="the folder that `benchmarks.made_run` wrote to")
    parser.add_argument("--run", help="its run; the newest where it is not named")
    parser.add_argument("--page", action="append", choices=PAGES, help="again for more; all where none is")
    chosen = parser.parse_args(arguments)
    try:
        cache = cache_folder(chosen.cache)
        store = RunStore(cache)
        runs = store.runs()
        if not runs:
            raise TelltaleError(f"{cache} has no run: `python -m benchmarks.made_run` makes one")
        run = store.run(chosen.run) if chosen.run else runs[0]
        found = measure_pages(cache, run.run, chosen.page or list(PAGES))
    except TelltaleError as error:
        print(f"telltale: {error}", file=sys.stderr)
        return 2
    print(table(run, found))
    return 0 if all(page.met for page in found) else 1


def measure_pages(cache: Path, run: str, pages: list[str]) -> list[PageTimes]:
    """Open each page by its address, in a server and a browser of its own.

    Raises:
        TelltaleError: there is no Chromium.
    """
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import BROWSER_FLAGS

    browser_file = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if browser_file is None:
        raise TelltaleError("no Chromium was found: `make test` installs it")
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_file, args=BROWSER_FLAGS)
        for page in pages:
            found.append(_measure(browser, cache, run, page))
        browser.close()
    return found


def _measure(browser, cache: Path, run: str, name: str) -> PageTimes:
    from tests.browser.conftest import WATCH_BOXES, start_app

    with tempfile.TemporaryDirectory() as folder:
        process, address = start_app(cache, Path(folder) / "log")
        try:
            page = browser.new_page(viewport={"width": 1500, "height": 1400})
            page.set_default_timeout(PATIENCE)
            page.add_init_script(WATCH_BOXES)
            where = f"{address}/{PAGES[name]}?run={run}"
            cold = _visit(page, where, process.pid)
            _wait_for_rest(process.pid)
            warm = _visit(page, where, process.pid)
            boxes = tuple(page.evaluate("() => [...window.seenBoxes]"))
            page.close()
            return PageTimes(name, cold, warm, peak_of(process.pid), boxes)
        finally:
            process.terminate()
            process.wait(60)


def _visit(page, where: str, server: int) -> Visit:
    """Open an address and wait until nothing has run for half a second, which is taken off again."""
    computed, began = processor_of(server), perf_counter()
    page.goto(where, wait_until="commit")
    page.wait_for_function(f"() => {DRAWN}")
    drawn = perf_counter() - began
    at_work = page.query_selector(AT_WORK) is not None
    page.wait_for_function(
        f"""() => {{
          window.atWork ||= document.querySelector({AT_WORK!r}) !== null;
          if (!({ASLEEP})) window.since = undefined;
          else window.since ??= performance.now();
          return window.since !== undefined && performance.now() - window.since > 500;
        }}"""
    )
    settled = perf_counter() - began - 0.5
    at_work = at_work or page.evaluate("() => window.atWork")
    return Visit(drawn, settled, processor_of(server) - computed, at_work)


def _wait_for_rest(server: int) -> None:
    """Wait until a server has done what it put off till after its first page, such as imports."""
    computed = -1.0
    while processor_of(server) - computed > RESTING:
        computed = processor_of(server)
        sleep(1)


def processor_of(process: int) -> float:
    """Seconds of processor time of a process so far; its own children are not counted."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def peak_of(process: int) -> int:
    """The most memory that a process ever held, bytes."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    return 1024 * int(found[1]) if found else 0


def table(run: Run, found: list[PageTimes]) -> str:
    """The figures as text."""
    head = ["page", "cold: drawn", "settled", "processor", "warm: drawn", "settled", "processor", "peak", ""]
    rows = [head]
    for page in found:
        looks = [
            f"{seconds:.2f} s"
            for look in (page.cold, page.warm)
            for seconds in (look.drawn, look.settled, look.processor)
        ]
        said = "ERROR" if page.boxes else "met" if page.met else "MISSED"
        work = ", says that it is at work" if page.cold.at_work else ""
        rows.append([page.page, *looks, f"{page.peak / 1e6:,.0f} MB", said + work])
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    errors = [f"{page.page}: {box}" for page in found for box in page.boxes]
    facts = run.facts
    shape = f"{run.answers:,} answers × {facts['layers']} layers × {facts['d_model']}"
    return "\n".join(
        [f"{run.title}, {shape}", f"bars: {COLD:g} s cold, {WARM:g} s warm", "", *lines, *errors]
    )


if __name__ == "__main__":
    sys.exit(main())
