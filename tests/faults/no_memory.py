"""Memory runs out in the middle of every large batch: it is halved, and the run comes out the same."""

from collections.abc import Iterator
from functools import partial

from tests.faults.alike import unlike
from tests.faults.child import STARVED, starve
from tests.faults.outcome import Injection
from tests.faults.processes import run
from tests.faults.scene import Scene, failure

FAULT = "out of memory in a batch"
FITS, SHORT_FITS = (128, 192, 256, 384, 512, 768), (128, 256)
"""Tokens at which a batch still fits; one prompt of the harvest always does."""


def no_memory(scene: Scene) -> Iterator[Injection]:
    """Let torch's allocator fail where a batch is too large."""
    expected = scene.reference
    for most in SHORT_FITS if scene.short else FITS:
        cache = scene.cache()
        ended = run(*scene.harvest(cache), prepare=partial(starve, most))
        times = ended.err.count(STARVED)
        lost = failure(ended) or unlike(
            (cache, expected.run), (expected.cache, expected.run), expected.snapshot.answers
        )
        yield Injection(
            FAULT, f"{times} times, over {most} tokens", lost if times else ("no batch was large enough",)
        )
