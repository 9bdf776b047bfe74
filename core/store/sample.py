"""A seeded sample of a run by whole questions: every answer to one that is drawn, none to another."""

import numpy as np
import pandas as pd


def draw_questions(numbers: pd.DataFrame, most: int, seed: int = 0) -> np.ndarray:
    """The numbers of questions that have at most so many answers together; all of them where they fit.

    Args:
        numbers: what `RunStore.numbers` gives.
        most: answers; one question is drawn even where it alone has more.
    """
    sizes = numbers.groupby("number").size()
    if len(numbers) <= most:
        return sizes.index.to_numpy()
    drawn = sizes.iloc[np.random.default_rng(seed).permutation(len(sizes))]
    return drawn.index[: max(1, int((drawn.cumsum() <= most).sum()))].to_numpy()
