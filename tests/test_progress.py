"""Progress where stderr is no terminal: whole lines, now and then, that say how far and how long."""

import io

import pytest

from core import progress
from core.progress import EVERY, ProgressLines, progress_bar


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def step(bar, clock, seconds, done, what=""):
    clock.now += seconds
    bar.set_description(what)
    bar.update(done - bar.n)


def test_short_work_says_nothing(clock, capsys):
    with ProgressLines(10, "answer", clock) as bar:
        for done in range(11):
            step(bar, clock, EVERY / 20, done)
    assert capsys.readouterr().err == ""


def test_long_work_says_how_far_what_and_how_long_at_most_every_half_minute(clock, capsys):
    with ProgressLines(200, "step", clock) as bar:
        for done in range(1, 101):
            step(bar, clock, 1.0, done, f"training {done}")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0] == "15%, 30 of 200 steps, training 30, 3 min left"
    assert lines[1].startswith("30%, 60 of 200 steps")


def test_what_was_done_before_does_not_count_as_fast(clock, capsys):
    bar = ProgressLines(1000, "answer", clock)
    step(bar, clock, 1.0, 900)
    step(bar, clock, EVERY, 910)
    assert capsys.readouterr().err == "91%, 910 of 1,000 answers, 4 min left\n"


def test_work_with_a_second_part_begins_again(clock, capsys):
    bar = ProgressLines(700, "step", clock)
    step(bar, clock, 1.0, 700)
    bar.reset(total=100)
    bar.unit = "%"
    step(bar, clock, 1.0, 5, "exam: cities")
    step(bar, clock, EVERY, 10, "exam: cities")  # five hundredths in half a minute
    assert capsys.readouterr().err == "10%, exam: cities, 9 min left\n"


def test_a_terminal_gets_a_bar_and_anything_else_lines(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(progress.sys, "stderr", Terminal())
    with progress_bar(3, "answer") as bar:
        bar.set_description("thinking")
        bar.update(1)
        assert "thinking" in progress.sys.stderr.getvalue()
    monkeypatch.setattr(progress.sys, "stderr", io.StringIO())
    assert isinstance(progress_bar(3, "answer"), ProgressLines)
