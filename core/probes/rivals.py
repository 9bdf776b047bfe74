"""All that a probe must beat but chance, by name: the model's output, and the words of the question.

The controls on words learn where the probe does, and again from all of the source's text. Each has a switch
of its own on the Probes page. What the model itself reports is another control: `core.own_report`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.question import Question
from core.probes.controls import honest_answer_scores, learnt_rows, output_scores
from core.probes.rows import Rows
from core.probes.source_questions import unlike
from core.probes.word_scores import Embed, embedding_scores, length_scores, tfidf_scores, words_of

SOURCE = "_source"
OF_SOURCE = ("text_source", "length_source", "embedding_source")
"""The controls on words that learn from all of the source's text."""


@dataclass(frozen=True, eq=False)
class Words:
    """What the controls on words know besides the answers that a probe is trained and judged on.

    Attributes:
        embed: gives texts' mean input embedding; None where `no_embedding` says why there is none.
        source: every question of the source; None where `no_source` says why there are none.
    """

    embed: Embed | None = None
    source: tuple[Question, ...] | None = None
    no_embedding: str = "only the answers are at hand, not the model's files"
    no_source: str = "only the answers are at hand, not all of the source"


@dataclass(frozen=True, eq=False)
class Rivals:
    """What a probe must beat.

    Attributes:
        scores: by name, one for each judged answer, (rows,), NaN where there is none.
        absent: by name of a control that is not to be had, why.
    """

    scores: Mapping[str, np.ndarray]
    absent: Mapping[str, str]


def rival_scores(
    frame: pd.DataFrame, judged: pd.DataFrame, rows: Rows, target: str = "truth", words: Words | None = None
) -> Rivals:
    """The controls that need no model: its stored output, the words of the question, all of the source's.

    Args:
        frame: the answers that were trained on; judged: those that judge, of this run or another.
    """
    raw, inverted = output_scores(judged, rows.test)
    own = {
        "output": raw,
        "output_inverted": inverted,
        "honest_answer": honest_answer_scores(judged, rows.test),
    }
    part, test = frame.iloc[learnt_rows(rows)], judged.iloc[rows.test]
    words = words or Words()
    here = _by_words(words_of(part), part["target"].to_numpy(), words_of(test), words, "")
    there = _by_source(test, target, words)
    return Rivals({**own, **here.scores, **there.scores}, {**here.absent, **there.absent})


def _by_words(known: list[str], learnt: np.ndarray, asked: list[str], words: Words, ending: str) -> Rivals:
    """The three controls on words, taught by these texts and their class; `ending` goes on their names."""
    scores = {
        f"text{ending}": tfidf_scores(known, learnt, asked),
        f"length{ending}": length_scores(known, learnt, asked),
    }
    name = f"embedding{ending}"
    if words.embed is None:
        return Rivals(scores, {name: words.no_embedding})
    return Rivals(scores | {name: embedding_scores(known, learnt, asked, words.embed)}, {})


def _by_source(test: pd.DataFrame, target: str, words: Words) -> Rivals:
    """The same, taught by all of the source but what shares a group or a near-duplicate with the judged."""
    if target != "truth":
        return Rivals(
            {}, dict.fromkeys(OF_SOURCE, f"a question without an answer has no {target!r} to learn")
        )
    if words.source is None:
        return Rivals({}, dict.fromkeys(OF_SOURCE, words.no_source))
    others = unlike(words.source, test)
    if len({question.label for question in others}) < 2:
        return Rivals({}, dict.fromkeys(OF_SOURCE, "all of the source is judged or like what is judged"))
    known = pd.DataFrame({"text": [q.text for q in others], "claim": [q.claim for q in others]})
    learnt = np.array([question.label for question in others])
    return _by_words(words_of(known), learnt, words_of(test), words, SOURCE)
