"""Background jobs: one at a time, cancelled when asked, failures kept for people to read."""

import threading

import pytest

from core.errors import DataError, TelltaleError
from core.jobs import Jobs


def test_one_job_at_a_time_and_its_result():
    jobs, gate = Jobs(), threading.Event()
    job = jobs.start("first", lambda _: gate.wait(5) and "done")
    with pytest.raises(TelltaleError, match="first is still running"):
        jobs.start("second", lambda _: None)
    gate.set()
    assert job.wait(5).result == "done"
    assert jobs.running() is None
    assert jobs.start("second", lambda _: 2).wait(5).result == 2


def test_cancel_reaches_the_work():
    def work(job):
        job.progress(0.5, "half")
        while not job.cancelled():
            threading.Event().wait(0.01)
        return "stopped"

    job = Jobs().start("long", work)
    job.cancel()
    state = job.wait(5)
    assert (state.cancelled, state.result, state.fraction) == (True, "stopped", 0.5)


def test_a_refusal_is_kept_as_its_sentence(capsys):
    def refuse(_):
        raise DataError("column 'label' has 3 values")

    def break_down(_):
        raise ValueError("odd")

    assert Jobs().start("a", refuse).wait(5).error == "column 'label' has 3 values"
    assert Jobs().start("b", break_down).wait(5).error == "ValueError: odd"


def test_a_job_that_nobody_asked_for_gives_way():
    jobs = Jobs(patience=5)

    def idle(job):
        while not job.cancelled():
            threading.Event().wait(0.01)

    waiting = jobs.start("effect of pruning", idle, gives_way=True)
    with pytest.raises(TelltaleError, match="effect of pruning is still running"):
        jobs.start("another guess", lambda _: None, gives_way=True)
    assert jobs.start("harvest", lambda _: "made").wait(5).result == "made"
    assert waiting.state.cancelled and not waiting.state.running
