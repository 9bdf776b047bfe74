"""The controls on the Probes page: a switch for each, why one is absent, and asking the model itself."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import charts
from core.jobs import JOBS
from core.own_report.asking import unreported
from core.probes.controls_of_run import ControlsOfRun
from core.probes.of_run import known_report, probe_run
from core.probes.rows import ProbeSettings
from core.store.runs import RunStore
from dashboard import work
from dashboard.views import __path__ as views
from tests.test_baselines import lab, run, saying  # noqa: F401

USUAL = ProbeSettings()


@pytest.fixture
def page(lab, run, monkeypatch):  # noqa: F811
    monkeypatch.setenv("TELLTALE_CACHE", str(lab))
    drawn = AppTest.from_file(str(Path(views[0]) / "probes.py"), default_timeout=300)
    drawn.session_state["run"] = run.run
    return drawn


def drawn_names(shown):
    """The legend of the chart by layer."""
    figure = json.loads(shown.get("plotly_chart")[0].proto.spec)
    return [trace.get("name", "") for trace in figure["data"]]


def test_each_control_has_a_switch_and_the_model_itself_can_be_asked(page, lab, run):  # noqa: F811
    store = RunStore(lab)
    saying(store, run.run)
    report = probe_run(store, run.run, USUAL)
    shown = page.run()
    assert not shown.exception and not shown.error
    [switches] = [group for group in shown.get("button_group") if group.label == "Controls"]
    there = [name for name, found in report.controls.items() if found is not None]
    assert len(switches.value) == len(there) > 8
    wanted = charts.CONTROL["text_source"][0]
    assert any(name.startswith(wanted) for name in drawn_names(shown))
    fewer = switches.set_value([name for name in there if name != "text_source"]).run()
    assert not any(name.startswith(wanted) for name in drawn_names(fewer))
    assert any("was not asked about" in text.value for text in fewer.markdown)
    assert any(code.value.startswith(f"telltale controls {run.run} ") for code in fewer.code)

    [ask] = [button for button in fewer.button if button.label == "Ask the model itself"]
    ask.click().run()
    assert JOBS.get(work.OWN_REPORT).wait(300).error is None
    shown = page.run()
    assert not shown.exception and not shown.error and unreported(store, run.run) == 0
    assert not [button for button in shown.button if button.label == "Ask the model itself"]
    assert any(name.startswith(charts.CONTROL["own_report"][0]) for name in drawn_names(shown))
    table = ControlsOfRun.of_report(known_report(store, run.run, USUAL)).to_frame()
    assert table.set_index("control").loc["own_report", "n"] == report.chosen.test.n
