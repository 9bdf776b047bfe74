"""The chosen run on a page that need not look at all of its answers: none is read."""

from core.store.runs import Run
from dashboard import session


def need_answered_run() -> Run:
    """The chosen run; where it has no answers yet, says so and stops the page."""
    run = session.need_run()
    if not run.answers:
        session.need_answers()
    return run


def need_run_of_choices() -> Run:
    """As `need_answered_run`; of open questions, says that the page is about choices and stops it."""
    run = need_answered_run()
    if run.facts.get("open"):
        session.need_choices()
    return run
