"""What the rules mark in a run, and the one step that drops it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from core.errors import StoreError
from core.pruning.rules import RULES
from core.store.decision import Decision
from core.store.decisions import DecisionStore

ORIGIN = "rules"


@dataclass(frozen=True)
class RuleCount:
    """What one rule comes to beside those that are switched on.

    Attributes:
        marks: answers that it marks.
        only: those of them that no other rule which is switched on marks.
    """

    name: str
    kind: str
    explanation: str
    on: bool
    marks: int
    only: int

    def to_json(self) -> dict:
        """Plain values under the names that scripts count on."""
        return asdict(self)


def check_rules(names: Iterable[str]) -> list[str]:
    """The names in the registry's order. Raises `StoreError` for a rule that does not exist."""
    wanted = set(names)
    if unknown := sorted(wanted - set(RULES)):
        raise StoreError(f"unknown rule {unknown[0]!r}: choose {', '.join(RULES)}")
    return [name for name in RULES if name in wanted]


def count_marks(judged: pd.DataFrame, on: Iterable[str]) -> list[RuleCount]:
    """What every rule marks, those that are switched off too.

    Args:
        judged: answers as `core.labels.judge_answers` gives them, with or without decisions.
        on: the rules that are switched on.

    Raises:
        StoreError: an unknown rule.
    """
    chosen = set(check_rules(on))
    masks = {name: rule.marks(judged).to_numpy(dtype=bool) for name, rule in RULES.items()}
    by_how_many = sum((masks[name].astype(int) for name in chosen), np.zeros(len(judged), dtype=int))
    return [
        RuleCount(
            name,
            rule.kind,
            rule.explanation,
            name in chosen,
            int(masks[name].sum()),
            int((masks[name] & (by_how_many == (1 if name in chosen else 0))).sum()),
        )
        for name, rule in RULES.items()
    ]


def drops_of(
    judged: pd.DataFrame,
    on: Iterable[str],
    standing: dict[int, Decision],
    *,
    blind: bool = True,
    everywhere: bool = False,
) -> list[Decision]:
    """The drops that the rules would add: each for its first rule, quality before outcome.

    What a person decided by hand stays; so does what rules dropped already for the same reason.

    Raises:
        StoreError: an unknown rule.
    """
    names = check_rules(on)
    if not names:
        return []
    masks = np.column_stack([RULES[name].marks(judged).to_numpy(dtype=bool) for name in names])
    answers, first = judged["answer"].to_numpy(), masks.argmax(axis=1)
    found = [
        Decision(int(answers[row]), "drop", names[first[row]], blind, everywhere, origin=ORIGIN)
        for row in np.flatnonzero(masks.any(axis=1))
    ]
    return [new for new in found if _adds(new, standing.get(new.answer))]


def _adds(new: Decision, old: Decision | None) -> bool:
    return old is None or (old.origin == ORIGIN and old != new)


def apply_rules(
    store: DecisionStore,
    run: str,
    judged: pd.DataFrame,
    on: Iterable[str],
    who: str,
    *,
    scores_shown: bool = False,
    everywhere: bool = False,
) -> int:
    """Drop what the rules mark, in one step that is undone as one; gives how many answers it dropped.

    Raises:
        StoreError: an unknown rule, no rule, or nothing that is not decided already.
    """
    names = check_rules(on)
    if not names:
        raise StoreError(f"no rule is switched on: choose from {', '.join(RULES)}")
    drops = drops_of(judged, names, store.current(run), blind=not scores_shown, everywhere=everywhere)
    if not drops:
        raise StoreError("the rules mark nothing that is not decided already: nothing was dropped")
    store.add_step(run, drops, who, scores_shown)
    return len(drops)
