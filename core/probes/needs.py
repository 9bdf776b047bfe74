"""What a method needs besides labels, out of the answers; and permuted labels that keep it whole."""

import numpy as np
import pandas as pd

from core.data.polarity import negated_by, polarity
from core.errors import ProbeError
from core.probes.controls import permuted_targets
from core.probes.methods import method_named
from core.probes.rows import PAIR


def beside_labels(
    frame: pd.DataFrame, method: str, target: str, fake: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """What a method's `fit` takes besides states and labels, one value for each answer.

    Args:
        frame: answers with `target`.
        fake: permuted targets, (rows,), in place of the frame's. Polarity and pairs stay with the states
            that they describe; where the target is the mode, which member of a pair lies follows the fake.

    Returns:
        Nothing for methods that need labels only; `polarity` (NaN where an answer has none); `pair` (-1 for
        answers under other modes than honest and lie) and `lying`.
    """
    needs = method_named(method).needs
    if needs == "polarity":
        return {"polarity": polarities(frame)}
    if needs != "pairs":
        return {}
    lying = frame["mode"].to_numpy() == "lie"
    if target == "mode" and fake is not None:
        lying = fake == 1
    pair = frame.groupby([key for key in PAIR if key in frame], dropna=False).ngroup()
    return {"pair": pair.where(frame["mode"].isin(["honest", "lie"]), -1).to_numpy(), "lying": lying}


def polarities(frame: pd.DataFrame) -> np.ndarray:
    """1 for answers about a statement, -1 about a negation, NaN about anything else, (rows,)."""
    found = [polarity(q, s) for q, s in zip(frame["question"], frame["source"], strict=True)]
    return np.array([np.nan if value is None else value for value in found], dtype=np.float64)


def check_needs(frame: pd.DataFrame, rows: np.ndarray, method: str) -> None:
    """Refuse to train where a method's need is not met.

    Args:
        rows: of the training answers.

    Raises:
        ProbeError: says what is missing.
    """
    needs, part = method_named(method).needs, frame.iloc[rows]
    if needs == "polarity":
        found = polarities(part)
        if np.isnan(found).any():
            sources = ", ".join(dict.fromkeys(part["source"][np.isnan(found)]))
            raise ProbeError(
                f"method {method!r} needs statements and their negations, and {sources} has none that are "
                "marked so: use the source cities in direct form, or another method"
            )
        if len(set(found.tolist())) < 2:
            raise ProbeError(
                f"all {len(part)} training answers have one polarity: method {method!r} needs statements "
                "and negations; harvest more questions"
            )
    if needs == "pairs":
        modes = set(part["mode"])
        if not {"honest", "lie"} <= modes:
            raise ProbeError(
                f"method {method!r} learns from the same questions under honest and lie, and the training "
                f"answers are of {', '.join(sorted(modes))} alone: train on both modes of a run that has both"
            )


def permuted_for(frame: pd.DataFrame, method: str, target: str, permutations: int, seed: int) -> np.ndarray:
    """Permuted targets that keep what the method needs consistent, (permutations, rows).

    As `permuted_targets`; but for methods that need polarity, and target truth, it is the truth of what a
    statement states that moves between groups, so that in every permutation a statement and its negation
    have opposite labels.
    """
    if method_named(method).needs != "polarity" or target != "truth":
        return permuted_targets(frame, target, permutations, seed)
    negated = polarities(frame) == -1
    stated = [negated_by(q, s) for q, s in zip(frame["question"], frame["source"], strict=True)]
    values = frame["target"].to_numpy()
    content = frame.assign(question=stated, target=np.where(negated, 1 - values, values))
    made = permuted_targets(content, target, permutations, seed)
    return np.where(negated, 1 - made, made)
