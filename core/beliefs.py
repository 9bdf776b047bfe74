"""What a model believes of each question: the choice that it holds under honest, and on what that rests.

A choice given once may be a slip, a preference for one word or for what is offered first. So a belief in the
strict sense is a choice held over at least two wordings and over both choice orders; a statement and its
negation in one run do for the orders, as a model that always says True contradicts itself there. Runs that do
not ask so much have weaker beliefs, and say so by their basis.
"""

import numpy as np
import pandas as pd

from core.errors import DataError

SURE = 2 / 3
BASES = {
    "consistent": "belief held over at least two honest wordings, in both choice orders or with its negation",
    "partial": "belief from several honest answers, not over two wordings in both choice orders",
    "single": "belief from one honest answer",
}
NEGATIONS = {"cities": (":is:", ":is-not:"), "numbers": (":larger:", ":smaller:")}
"""By source, how the id of a statement and that of its negation differ."""


def check_margin(margin: float) -> float:
    """The margin as it is. Raises `DataError` where it is not a majority."""
    if not 0.5 < margin <= 1:
        raise DataError(f"a belief margin of {margin:g} is no majority: choose above 0.5 and at most 1")
    return margin


def beliefs(frame: pd.DataFrame, margin: float = SURE) -> pd.DataFrame:
    """What the model believes, for each answer's question.

    Args:
        frame: a run's answers, with question, source, claim, mode, wording, order, demo_set and said.
        margin: the share of its readable honest prompts that a choice must have; samples of one prompt are
            averaged first, so that each prompt counts once.

    Returns:
        One row per answer, by the frame's index: believes (0, 1, NaN where unsure) and belief_basis, of
        `BASES`: the strictest that the run's honest prompts allow for that question; empty where it was not
        asked under honest. On the basis `consistent` readable answers must themselves span two wordings and
        both orders (or the negation), on `partial` there must be at least two, else the belief is unsure.

    Raises:
        DataError: a margin that is no majority.
    """
    check_margin(margin)
    names = _propositions(frame)
    frame = frame.assign(proposition=names["proposition"], negated=names["negated"])
    honest = frame[frame["mode"] == "honest"]
    asked = honest.groupby("proposition").agg(signs=("negated", "nunique"))
    arms = len(honest[["wording", "order", "demo_set"]].drop_duplicates())
    orders = honest["order"].nunique() > 1
    strict = (honest["wording"].nunique() > 1) & (orders | (asked["signs"] > 1))
    several = (arms > 1) | (asked["signs"] > 1)
    basis = pd.Series(np.select([strict, several], ["consistent", "partial"], "single"), asked.index)

    read = honest[honest["said"].notna()]
    read = read.assign(held=read["said"].where(~read["negated"], 1 - read["said"]))
    keys = ["proposition", "negated", "wording", "order", "demo_set"]
    prompts = read.groupby(keys, as_index=False)["held"].mean()
    held = prompts.groupby("proposition").agg(
        share=("held", "mean"),
        prompts=("held", "size"),
        wordings=("wording", "nunique"),
        orders=("order", "nunique"),
        signs=("negated", "nunique"),
    )
    needs = basis.reindex(held.index)
    spans = (held["wordings"] > 1) & ((held["orders"] > 1) | (held["signs"] > 1))
    enough = np.select([needs == "consistent", needs == "partial"], [spans, held["prompts"] > 1], True)
    belief = pd.Series(
        np.select([held["share"] >= margin, held["share"] <= 1 - margin], [1.0, 0.0], np.nan), held.index
    ).where(enough.astype(bool))
    mine = frame["proposition"].map(belief).astype(float)
    return pd.DataFrame(
        {
            "believes": mine.where(~frame["negated"], 1 - mine),
            "belief_basis": frame["proposition"].map(basis).fillna("").astype(str),
        }
    )


def _propositions(frame: pd.DataFrame) -> pd.DataFrame:
    """Of each answer a number for what it is about, and whether it states the negation of that."""
    place, names = pd.factorize(frame["question"])
    questions = frame[["question"]].assign(source=frame.get("source", ""), claim=frame.get("claim"))
    once = questions.drop_duplicates("question")
    plain, negated = list(names), np.zeros(len(names), dtype=bool)
    for number, (name, source, claim) in enumerate(once.itertuples(index=False)):
        if source in NEGATIONS and not isinstance(claim, str):
            positive, negation = NEGATIONS[source]
            negated[number] = negation in name
            plain[number] = name.replace(negation, positive)
    of_name = pd.factorize(pd.Series(plain, dtype="str"))[0]
    return pd.DataFrame({"proposition": of_name[place], "negated": negated[place]}, frame.index)


def known_by_chance(believes: pd.Series, label: pd.Series) -> float:
    """The share of questions that would count as known if truth had nothing to do with what is believed.

    The exact mean over all permutations of the labels between the run's questions: of n questions, P of them
    with label 1, a belief in 1 fits a permuted label with probability P / n and a belief in 0 with 1 - P / n.

    Args:
        believes, label: one entry per question; believes is NaN where unsure, which never counts as known.

    Returns:
        The share, NaN without questions.
    """
    if not len(label):
        return float("nan")
    positive = float(label.mean())
    return float((believes == 1).mean() * positive + (believes == 0).mean() * (1 - positive))
