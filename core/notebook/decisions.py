"""Which answers count: people's decisions on a run's answers, the rules that suggest some, and who agrees.

What is decided here is signed with the account's name, or `who`, and its origin is the command line's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from core.agreement import agreements, disagreements
from core.errors import StoreError
from core.notebook.commands import Found, asked
from core.notebook.stored import opened
from core.store.decision import ACTIONS
from core.store.decisions import DecisionStore
from core.store.runs import Run


def decisions(run: Run | str, cache: str | Path | None = None) -> pd.DataFrame:
    """What stands for each answer that somebody decided on.

    Returns:
        Columns answer, action, reason, blind, everywhere, who and origin, see `core.store.decision`.

    Raises:
        StoreError: no such run.
    """
    return _stand(_act("show", run, cache))


def decide(
    run: Run | str,
    action: str,
    answer: int | Sequence[int] | pd.Series,
    reason: str | None = None,
    *,
    who: str | None = None,
    everywhere: bool = False,
    cache: str | Path | None = None,
) -> pd.DataFrame:
    """Keep or drop answers, or be unsure of them, in one step; gives what stands then, see `decisions`.

    Args:
        action: `keep`, `drop` or `unsure`.
        answer: their numbers, the column answer of `answers_of`.
        reason: of a drop, see `core.store.decision`. Those for an outcome reach training data only.
        who: decides; None for the account's name.
        everywhere: have an outcome's drop reach test data, which makes the measure.

    Raises:
        StoreError: no such run, answer, action or reason.
    """
    if action not in ACTIONS:
        raise StoreError(f"unknown action {action!r}: choose {', '.join(ACTIONS)}")
    given = {"answer": answer, "reason": reason, "who": who, "everywhere": everywhere}
    return _stand(_act(action, run, cache, **given))


def undo(run: Run | str, who: str | None = None, cache: str | Path | None = None) -> pd.DataFrame:
    """Take back a person's last step; gives what stands then, see `decisions`.

    Raises:
        StoreError: no such run, or no step of theirs.
    """
    return _stand(_act("undo", run, cache, who=who))


def redo(run: Run | str, who: str | None = None, cache: str | Path | None = None) -> pd.DataFrame:
    """Bring back the step that a person took back last; see `undo`."""
    return _stand(_act("redo", run, cache, who=who))


def export_decisions(run: Run | str, file: str | Path, cache: str | Path | None = None) -> Path:
    """Write what stands as CSV, for others and for another cache.

    Raises:
        StoreError: no such run, or the file cannot be written.
    """
    _act("export", run, cache, file=file)
    return Path(file)


def import_decisions(
    run: Run | str, file: str | Path, who: str | None = None, cache: str | Path | None = None
) -> pd.DataFrame:
    """Apply decisions that were exported, all or none, in one step; gives what stands then.

    Raises:
        DataError: a line cannot be used; names it.
        StoreError: no such run.
    """
    return _stand(_act("import", run, cache, file=file, who=who))


def rules(
    run: Run | str,
    rule: str | Sequence[str] = (),
    *,
    apply: bool = False,
    everywhere: bool = False,
    who: str | None = None,
    cache: str | Path | None = None,
) -> Found:
    """What each rule for pruning marks; those that are switched on can be applied, in one step.

    Args:
        rule: to switch on, by name.
        apply: drop what these mark and nobody decided by hand.
        everywhere, who: see `decide`.

    Returns:
        Parts rules (the table), new (how many answers they would drop, or dropped) and applied.

    Raises:
        StoreError: no such run or rule, or nothing to drop.
    """
    given = {"rule": rule, "apply": apply, "everywhere": everywhere, "who": who}
    return asked("decisions", {"action": "rules", "run": run, "cache": cache, **given}, table="rules")


def agreement_of(run: Run | str, cache: str | Path | None = None) -> pd.DataFrame:
    """Cohen's kappa of every pair of people who judged some of the same answers by hand.

    Returns:
        Columns people, n, agree, agree_ci, kappa and kappa_ci, see `core.agreement.Agreement`.

    Raises:
        StoreError: no such run.
    """
    store, name = opened(run, cache)
    made = agreements(DecisionStore(store.cache).by_person(name), store.answers(name))
    columns = ["people", "n", "agree", "agree_ci", "kappa", "kappa_ci"]
    return pd.DataFrame([pair.to_json() for pair in made], columns=columns)


def disagreements_of(run: Run | str, cache: str | Path | None = None) -> pd.DataFrame:
    """The answers that two people judged differently, with the columns of `core.agreement.disagreements`.

    Raises:
        StoreError: no such run.
    """
    store, name = opened(run, cache)
    return disagreements(DecisionStore(store.cache).by_person(name), store.answers(name))


def beliefs_of(run: Run | str, margin: float | None = None, cache: str | Path | None = None) -> Found:
    """What a model believes and knows, of the questions that a run asked it under honest.

    Args:
        margin: the share of a question's honest answers that a belief needs; kept with the run, for every
            page and command. None to leave it.

    Raises:
        DataError: the margin is no majority.
        StoreError: no such run.
    """
    return _act("beliefs", run, cache, margin=margin)


def _act(action: str, run: Run | str, cache: str | Path | None, **given: Any) -> Found:
    return asked("decisions", {"action": action, "run": run, "cache": cache, **given})


def _stand(found: Found) -> pd.DataFrame:
    columns = ["answer", "action", "reason", "blind", "everywhere", "who", "origin"]
    return pd.DataFrame(found["decisions"], columns=columns)
