"""Classifiers of the question's words alone: what can be told from them is no feat of a probe.

Each learns from some texts and gives a score for others, higher for the positive class.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from core.errors import ProbeError
from core.probes.pipeline import make_probe

Embed = Callable[[Sequence[str]], np.ndarray]
"""Gives each text's mean input embedding, (texts, d_model)."""


def words_of(part: pd.DataFrame) -> list[str]:
    """The words of each row's question: its text, with its claim where it has one."""
    if "claim" not in part:
        return part["text"].tolist()
    return [
        f"{text} claim{claim}" if claim else text
        for text, claim in zip(part["text"], part["claim"], strict=True)
    ]


def tfidf_scores(known: Sequence[str], target: np.ndarray, asked: Sequence[str]) -> np.ndarray:
    """TF-IDF of 1- and 2-grams with logistic regression, (asked,).

    Args:
        known: the texts that it learns from; target: their class, 0 or 1.

    Raises:
        ProbeError: the texts hold no word, or are of one class.
    """
    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"),
        LogisticRegression(C=10.0, max_iter=500),
    )
    try:
        pipeline.fit(known, target)
    except ValueError as error:
        raise ProbeError(f"the text control has nothing to learn from: {error}") from error
    return pipeline.decision_function(asked)


def length_scores(known: Sequence[str], target: np.ndarray, asked: Sequence[str]) -> np.ndarray:
    """The length of the text in characters, (asked,), its sign learnt from the known texts, both classes."""
    lengths = np.array([len(words) for words in known], dtype=float)
    longer = lengths[target == 1].mean() >= lengths[target == 0].mean()
    found = np.array([len(words) for words in asked], dtype=float)
    return found if longer else -found


def embedding_scores(
    known: Sequence[str], target: np.ndarray, asked: Sequence[str], embed: Embed
) -> np.ndarray:
    """The mean input embedding with the logistic regression of the probes, (asked,).

    It knows which words there are, as the model sees them before its first block, and nothing of their order.
    A text with a word whose embedding is not finite counts as one without words.
    """

    def finite(texts: Sequence[str]) -> np.ndarray:
        found = embed(texts)
        return np.where(np.isfinite(found).all(axis=1, keepdims=True), found, 0.0)

    probe = make_probe("logistic").fit(finite(known), target)
    return probe.decision_function(finite(asked))
