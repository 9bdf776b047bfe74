"""A stored run's answers with what follows from them and what people decided; no states, no probe."""

import pandas as pd

from core.best_of import best_of
from core.labels import judge_answers, lay_decisions, not_finite
from core.store.decisions import DecisionStore
from core.store.runs import RunStore


def judged(store: RunStore, run: str) -> pd.DataFrame:
    """A run's answers with labels and flags, by the belief margin that is kept for it; no decisions."""
    return judge_answers(store.answers(run), DecisionStore(store.cache).margin(run))


def labelled(store: RunStore, run: str, pruned: bool = True, test_pruned: bool = True) -> pd.DataFrame:
    """A run's answers with labels, flags and (where `pruned`) people's decisions laid over them.

    Of several samples one is marked as `selected`, see `best_of`.

    Args:
        test_pruned: False has every drop reach training data only, so that the test set stays whole.
    """
    made = DecisionStore(store.cache).current(run) if pruned else {}
    frame = best_of(lay_decisions(judged(store, run), made))
    if test_pruned:
        return frame
    return frame.assign(
        dropped=not_finite(frame), dropped_outcome=frame["dropped"] | frame["dropped_outcome"]
    )
