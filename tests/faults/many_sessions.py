"""Many browser sessions at one server: pruning one run, reading one that grows, closed in the middle."""

import time
from collections.abc import Iterator
from functools import partial

from playwright.sync_api import Browser, expect

from tests.browser.conftest import SLOW, open_page
from tests.faults.browser import Pruner, in_browser
from tests.faults.child import linger
from tests.faults.outcome import Injection
from tests.faults.processes import start
from tests.faults.scene import Scene, failure
from tests.faults.server import Server
from tests.faults.snapshot import committed, differences, snapshot, trail

PRUNING = "two browser sessions prune one run"
READING = "browser sessions read while a harvest runs"
CLOSED = "a browser closed in the middle"
PAUSE, NEAR_ITS_END = 0.5, 24
"""Seconds that each commit of the harvest takes longer; that after which it waits for the last page."""
QUESTIONS = 200
LOOK = 0.05


def many_sessions(scene: Scene) -> Iterator[Injection]:
    """One server, and all that its browsers may do to each other."""
    yield from in_browser(partial(at_one_server, scene))


def at_one_server(scene: Scene, browser: Browser) -> list[Injection]:
    """The injections, one after another at the same server."""
    cache = scene.copy(scene.reference.cache)
    server = Server(cache)
    try:
        return [
            *prune_together(scene, browser, server),
            *close_in_the_middle(scene, browser, server),
            read_while_it_grows(scene, browser, server),
        ]
    finally:
        server.kill()


def prune_together(scene: Scene, browser: Browser, server: Server) -> Iterator[Injection]:
    """Two persons decide on the same answers by turns: both sets are kept, the last on an answer stands."""
    run = scene.reference.run
    ann, ben = (Pruner(browser, server.address, run, who) for who in ("ann", "ben"))
    for _ in range(scene.times(short=2, full=10)):
        made = [(ann.press("d"), "drop", "ann"), (ben.press("s"), "unsure", "ben")]
        answer = made[0][0]
        there = [step for step in trail(server.cache, run) if step[0] == answer]
        lost = [] if there == made else [f"the trail of answer {answer} has {there} and not {made}"]
        yield Injection(PRUNING, f"answer {answer}", (*lost, *ann.boxes, *ben.boxes))
    for pruner in (ann, ben):
        pruner.page.close()


def close_in_the_middle(scene: Scene, browser: Browser, server: Server) -> Iterator[Injection]:
    """A browser goes away while its key press is being worked on: the server stays, what was counted too."""
    run = scene.reference.run
    for number in range(scene.times(short=1, full=10)):
        pruner = Pruner(browser, server.address, run, "cleo")
        counted = (pruner.press("s"), "unsure", "cleo")
        pruner.page.keyboard.press("d")
        pruner.page.close()
        lost = [] if counted in trail(server.cache, run) else [f"the decision on answer {counted[0]}"]
        if not server.answers():
            lost.append("the server no longer answers")
        yield Injection(CLOSED, f"time {number + 1}", tuple(lost))


def read_while_it_grows(scene: Scene, browser: Browser, server: Server) -> Injection:
    """Many sessions look at a run that is being made; each sees it, and it is made as if nobody looked."""
    expected = scene.undisturbed(n=QUESTIONS, seed=2)
    seen = server.cache / "seen"
    prepare = partial(linger, PAUSE, NEAR_ITS_END, seen)
    harvest = start(*scene.harvest(server.cache, n=QUESTIONS, seed=2), prepare=prepare)
    before = committed(scene.reference.cache)
    while harvest.alive and committed(server.cache) <= before:
        time.sleep(LOOK)
    many = scene.times(short=5, full=20)
    readers = [open_page(browser, f"{server.address}/prune?run={expected.run}") for _ in range(many)]
    grew = 0
    for reader in readers:
        expect(reader.get_by_role("button", name="Drop all modes")).to_be_visible(timeout=SLOW)
        grew += harvest.alive
    seen.touch()
    lost = [f"only {grew} were drawn while it grew"] if grew < many else []
    lost += [box for reader in readers for box in reader.evaluate("() => [...window.seenBoxes]")]
    lost += [problem for reader in readers for problem in reader.problems]
    for reader in readers:
        reader.close()
    lost += failure(harvest.wait()) or differences(snapshot(server.cache, expected.run), expected.snapshot)
    return Injection(READING, f"{many} sessions", tuple(lost))
