"""The Shifts page on planted runs: it says what is stored, and where nothing is, how to get it."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import JOBS
from core.probes.rows import ProbeSettings
from core.probes.shifts_of_runs import known_shifts
from dashboard import work
from tests.shift_runs import SHIFTED, store_all

USUAL = ProbeSettings(permutations=0)


@pytest.fixture
def store(tmp_path):
    return store_all(tmp_path)


@pytest.fixture
def page(store, monkeypatch):
    monkeypatch.setenv("TELLTALE_CACHE", str(store.cache))
    drawn = AppTest.from_file(str(Path(work.__file__).with_name("views") / "shifts.py"), default_timeout=300)
    drawn.session_state["run"] = "plain-run"
    return drawn


def test_one_button_judges_the_shifts_and_the_page_says_what_is_stored(page, store):
    shown = page.run()
    assert set(shown.multiselect[0].value) == set(SHIFTED) and not shown.get("plotly_chart")
    shown.button[0].click().run()
    JOBS.get(work.SHIFTS).wait(300)
    shown = page.run()
    assert not shown.exception and not shown.error
    found = known_shifts(store, "plain-run", SHIFTED, USUAL)
    (heading,) = [text.value for text in shown.markdown if text.value.startswith("#### ")]
    assert heading.replace("\\", "") == f"#### {found.sentence()}"
    assert len(shown.get("plotly_chart")) == 1
    assert shown.dataframe[0].value["drop"].tolist() == pytest.approx(
        found.to_frame()["drop"].tolist(), abs=1e-3
    )
    assert shown.code[0].value.startswith("telltale shifts plain-run ")
    assert all(run in shown.code[0].value for run in SHIFTED)
    fewer = shown.multiselect[0].set_value(SHIFTED[:1]).run()
    assert not fewer.get("plotly_chart") and fewer.button[0].label == "Judge the shifts"


def test_without_a_shifted_run_the_page_says_how_to_get_one(page, store):
    for run in SHIFTED:
        store.delete(run)
    shown = page.run()
    assert not shown.exception and not shown.error and not shown.multiselect
    assert "--style typos" in shown.info[0].value and "**Style**" in shown.info[0].value
