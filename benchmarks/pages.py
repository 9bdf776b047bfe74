"""Every page of the dashboard with a run of 100,000 answers, as rows of the table; not measured by default.

It needs a Chromium and 7 GB of disk. What is measured stands in `benchmarks.views`.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.made_run import Shape, linked_cache, write_made_run
from benchmarks.row import Bar, Found, Row
from benchmarks.views import COLD, PAGES, WARM, Visit, measure_pages
from core.store.runs import RunStore

IN_TIME = Bar(1.0, most=True)


def page_rows(_bench: Bench) -> Iterator[Row]:
    """Two rows for each page, cold and warm: its seconds, over those that it may take."""
    with tempfile.TemporaryDirectory() as folder:
        shape = Shape()
        cache = linked_cache(Path(folder))
        run = write_made_run(RunStore(cache), shape).run
        for page in measure_pages(cache, run, list(PAGES)):
            for when, visit, limit in (("cold", page.cold, COLD), ("warm", page.warm, WARM)):
                told = (
                    f"{shape.answers:,} made answers; drawn in {visit.drawn:.1f} s, settled in "
                    f"{visit.settled:.1f} s; server's peak {page.peak / 1e9:.1f} GB"
                )
                yield Row(
                    f"page {page.page}, {when}",
                    f"{limit:g} s, or {WARM:g} s until it shows that it is at work",
                    IN_TIME,
                    found=None if page.boxes else Found([share_of_limit(visit, limit)], told),
                    refused="; ".join(page.boxes),
                )


def share_of_limit(visit: Visit, limit: float) -> float:
    """Seconds until the page settles over those allowed; until it is drawn, where it says that it works."""
    if visit.at_work and visit.settled > limit:
        return visit.drawn / WARM
    return visit.settled / limit
