"""One statement scored in three ways: as the model reads it, forced into its turn, against its own words."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from core.data.statements import Statement
from core.scoring.benign import GENERATED, READ
from core.scoring.results import StatementScores, TokenScores

COLUMNS = ["way", "mode", "tokens", "score", "percentile"]


def three_ways(statement: Statement, scores: StatementScores, own: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean over tokens at the probe's layer, in each way and mode.

    Args:
        scores: with the statement among them.
        own: of each mode, what the model said itself: as `core.scoring.speech.Speech.table` gives it.

    Returns:
        One row a mode and way, both in order. Columns way, mode, tokens (n), score, percentile (mean of the
        tokens' own, each among ordinary conversation's at the same kind of position; NaN where not known).
    """
    rows = [*_typed(statement, scores)]
    for table in own:
        words = table[table["number"] > 0]
        if len(words):
            rows.append(
                (
                    "its own words",
                    words["mode"].iloc[0],
                    len(words),
                    words["score"].mean(),
                    words["percentile"].mean(),
                )
            )
    table = pd.DataFrame(rows, columns=COLUMNS).drop_duplicates(["way", "mode"])
    return table.sort_values("mode", kind="stable", ignore_index=True)


def _typed(statement: Statement, scores: StatementScores) -> Iterator[tuple]:
    """The rows of the statement's own words, read and forced."""
    for entry in scores.read:
        if entry.statement == statement:
            yield ("read", entry.mode, *_means(entry.tokens, READ, scores.layer))
    for forced in scores.own_turn:
        if forced.statement == statement:
            found = _means(forced.tokens, GENERATED, scores.layer)
            yield ("forced into its own turn", forced.mode, *found)


def _means(tokens: TokenScores, kind: str, layer: int) -> tuple[int, float, float]:
    here = np.array([found == kind for found in tokens.kinds])
    among = np.nan if tokens.percentiles is None else float(tokens.percentiles[here, layer].mean())
    return int(here.sum()), float(tokens.scores[here, layer].mean()), among
