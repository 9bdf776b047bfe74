"""All questions of a run's source, for the controls on words: what more text would have taught them.

A run asks a sample, and a probe learns from half of that. A source has more labelled text: words that do not
tell the truth where the probe learns may tell it here.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from core.data.facts import FACTS
from core.data.open_questions import OPEN
from core.data.question import Question, similar_to, tokens_of
from core.data.reviews import FILES
from core.data.sources import HUB, DataSettings, load_pool, load_with_trained
from core.data.styles import restyled
from core.errors import DataError


def source_questions(cache: Path, data: DataSettings) -> list[Question]:
    """Every question of the source that a run asked, in the run's form and style.

    Of built-in sources those that liars are trained on are among them, which no run asks. That favours the
    controls: they may learn what the liar has learnt.

    Raises:
        DataError: the source has no labelled text, would have to be fetched, or is no longer there.
    """
    if data.name in OPEN:
        raise DataError(f"{data.name} is asked openly: its questions have no label")
    if data.name.startswith(HUB):
        raise DataError(f"{data.name} is of the hub, which is not asked for more text")
    load = load_with_trained if data.name in (*FILES, *FACTS) else load_pool
    return restyled(load(cache, data), data.style)


def unlike(source: Sequence[Question], judged: pd.DataFrame) -> list[Question]:
    """The questions of a source that share no group with answers to be judged.

    Nor is a text a near-duplicate of one that is judged, or in a group with such a text: reviews by token
    Jaccard ≥ 0.8, statements of facts by their tokens alone, as those share most of them with facts about
    other things.

    Args:
        judged: text and group of the answers.
    """
    texts = frozenset(tokens_of(text) for text in judged["text"].unique())
    others = frozenset(tokens_of(question.text) for question in source if question.source not in FACTS)
    near = similar_to(others, texts) | texts
    taken = set(judged["group"])
    taken |= {question.group for question in source if tokens_of(question.text) in near}
    return [question for question in source if question.group not in taken]
