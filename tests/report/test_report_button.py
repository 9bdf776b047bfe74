"""The sidebar's button: a report is written in the background, and then there to be downloaded."""

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import JOBS, Job
from core.store.runs import RunStore
from dashboard import work


def sidebar():
    from dashboard import report_button, session

    report_button.show(session.run_store().runs()[0])


@pytest.fixture
def shown(made, monkeypatch):
    monkeypatch.setenv("TELLTALE_CACHE", str(made[0].cache))
    monkeypatch.delitem(JOBS._jobs, work.REPORT, raising=False)
    return AppTest.from_function(sidebar, default_timeout=300)


def labels(shown):
    return [button.label for button in (*shown.button, *shown.get("download_button"))]


def test_a_report_is_written_and_offered(shown, made):
    assert labels(shown.run()) == ["Write report"]
    shown.button[0].click().run()
    done = JOBS.get(work.REPORT).wait(300)
    assert done.error is None and done.about == made[1]
    assert labels(shown.run()) == ["Write report", "Download report"] and not shown.exception
    assert done.result.html.startswith("<!DOCTYPE html>")


def test_while_it_is_written_it_can_be_cancelled(shown, made, monkeypatch):
    job = Job(work.REPORT)
    job.works_on(made[1])
    monkeypatch.setitem(JOBS._jobs, work.REPORT, job)
    assert labels(shown.run()) == ["Cancel report"]
    shown.button[0].click().run()
    assert job.cancelled() and shown.button[0].disabled


def test_a_run_without_answers_has_no_button(shown, made, cache, tmp_path, monkeypatch):
    store = RunStore(tmp_path)
    record = made[0].run(made[1])
    store.begin("empty", record.settings, record.facts, 2, made[0].questions(made[1])[:1])
    monkeypatch.setenv("TELLTALE_CACHE", str(tmp_path))
    assert labels(shown.run()) == []
