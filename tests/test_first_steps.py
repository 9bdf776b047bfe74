"""The first steps: offered to whoever has no run, ticked by what is stored, gone once done or dismissed."""

import pytest
from streamlit.testing.v1 import AppTest

from core.probes.cross_validated_of_run import cross_validated_run
from core.probes.read_or_said_of_run import read_or_said_of_run
from core.probes.rows import ProbeSettings
from core.store.runs import RunStore
from dashboard import packages
from tests.conftest import beside
from tests.hostile_runs import write_hostile_cache
from tests.shift_runs import store_run


def steps() -> None:
    from dashboard import first_steps

    first_steps.show()


@pytest.fixture
def store(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("TELLTALE_CACHE", str(tmp_path))
    packages.need()
    return RunStore(beside(cache, tmp_path))


def drawn() -> AppTest:
    return AppTest.from_function(steps, default_timeout=120).run()


def told(page: AppTest) -> list[str]:
    return [box.label for box in page.expander]


def enabled(page: AppTest) -> list[str]:
    return [button.label for button in page.button if not button.disabled]


def test_an_empty_cache_is_offered_the_first_step(store):
    page = drawn()
    assert told(page) == ["First steps · 0 of 3 done"]
    assert enabled(page) == ["Ask 200 reviews", "Not now"]


def test_each_step_is_ticked_once_its_outcome_is_stored_and_all_are_gone_then(store):
    first, second = write_hostile_cache(store)
    assert told(drawn()) == []  # two runs: somebody who is past this
    store.delete(second)
    page = drawn()
    assert told(page) == ["First steps · 1 of 3 done"]
    assert enabled(page) == ["Cross-validate a probe", "Follow its direction", "Not now"]
    cross_validated_run(store, first, ProbeSettings(), sealed=True)
    page = drawn()
    assert told(page) == ["First steps · 2 of 3 done"]
    assert enabled(page) == ["Look at it", "Follow its direction", "Not now"]
    read_or_said_of_run(store, first, "prompt", resamples=200)
    assert told(drawn()) == []


def test_they_are_gone_when_dismissed_and_not_offered_beside_a_run_of_one_mode(store):
    page = drawn()
    page.button[-1].click().run()
    assert told(page) == []
    store_run(store, "honest-run", "plain", {}, 1, modes=("honest",))
    assert told(drawn()) == []
