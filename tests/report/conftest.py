"""A small made run, whose figures and report need no model."""

import pytest

from benchmarks.made_run import Shape, write_made_run
from core.store.runs import RunStore
from tests.conftest import beside


@pytest.fixture(scope="session")
def made(cache, tmp_path_factory) -> tuple[RunStore, str]:
    """A store with one run of 400 made answers that nobody has looked at."""
    store = RunStore(beside(cache, tmp_path_factory.mktemp("made")))
    return store, write_made_run(store, Shape(answers=400, layers=3, d_model=12)).run
