"""`kill -9` of the dashboard while a person prunes: each decision that the page counted must be there."""

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import cycle

from playwright.sync_api import Browser

from tests.faults.browser import Pruner, in_browser
from tests.faults.outcome import Injection
from tests.faults.scene import Scene
from tests.faults.server import Server
from tests.faults.snapshot import pruning

FAULT = "kill -9 of the dashboard while its page prunes"
FIRST, LAST = 1.0, 6.0
"""Seconds from the first key until the kill."""


def killed_pages(scene: Scene) -> Iterator[Injection]:
    """Kill the server and start it again, while a session clicks through the queue."""
    yield from in_browser(partial(prune_and_kill, scene))


def prune_and_kill(scene: Scene, browser: Browser) -> list[Injection]:
    """The injections, one a kill."""
    drawn, run = random.Random(scene.seed), scene.reference.run
    cache = scene.copy(scene.reference.cache)
    server, confirmed, found = Server(cache), set[int](), []
    try:
        for _ in range(scene.times(short=1, full=8)):
            pruner = Pruner(browser, server.address, run)
            after = drawn.uniform(FIRST, LAST)
            threading.Timer(after, server.process.kill).start()
            for key in cycle("ds"):
                if (answer := pruner.decide(key, lambda: server.process.poll() is None)) is not None:
                    confirmed.add(answer)
                if server.process.poll() is not None:
                    break
            pruner.page.close()
            server.start()
            there = {row[1] for row in pruning(cache, run)["decisions"]}
            missing = confirmed - there
            lost = (f"{len(missing)} of {len(confirmed)} counted decisions",) if missing else ()
            found.append(Injection(FAULT, f"after {after:.1f} s, {len(confirmed)} counted", lost))
        again = Pruner(browser, server.address, run).counted()
        if again != len(there):
            lost = (*found[-1].lost, f"the page counts {again} of {len(there)} decisions")
            found[-1] = replace(found[-1], lost=lost)
    finally:
        server.kill()
    return found
