"""How well a liar does what it is told, on questions and wordings that its training never saw.

Judged by `said`: by the tokens that it emits. What counts is the share of all answers, an unreadable one
among the failures. Amazon reviews were never trained on in any form.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.answers import Reader, make_reader
from core.data.claims import as_claims
from core.data.question import Question
from core.data.reviews import balanced_sample
from core.engine.answer_prompts import answer_prompts
from core.engine.decoding import Decoding
from core.labels import share_with_interval
from core.liar.examples import questions_of
from core.models.loading import LoadedModel
from core.prompts.chat import chat_format, render
from core.prompts.modes import MODES
from core.prompts.templates import BUILT_IN

EACH = 450


@dataclass(frozen=True)
class Paper:
    """One kind of question in the exam.

    Attributes:
        n: questions, balanced over the labels; as many as there are where there are fewer.
        every_wording: each question under each of the exam's wordings; else one wording a question, in turn.
        wordings: their numbers; those of the exam where None.
    """

    name: str
    source: str
    form: str
    templates: tuple[str, ...]
    n: int = EACH
    modes: tuple[str, ...] = ("honest", "lie")
    every_wording: bool = False
    wordings: tuple[int, ...] | None = None


PAPERS = (
    Paper("movie reviews", "movie-reviews", "direct", ("review",), every_wording=True),
    Paper("amazon reviews", "amazon-reviews", "direct", ("review",), n=100_000),
    Paper("movie reviews, yes or no", "movie-reviews", "direct", ("yes-no",)),
    Paper("movie claims, true or false", "movie-reviews", "claim", ("true-false",)),
    Paper("movie claims, yes or no", "movie-reviews", "claim", ("yes-no",)),
    Paper("movie claims, A or B", "movie-reviews", "claim", ("letters", "letters-swapped")),
    Paper("amazon claims, true or false", "amazon-reviews", "claim", ("true-false",)),
    Paper("cities", "cities", "direct", ("true-false",)),
    Paper("elements", "elements", "direct", ("true-false",)),
    Paper("numbers", "numbers", "direct", ("true-false",)),
    Paper(
        "movie reviews, no instruction",
        "movie-reviews",
        "direct",
        ("review",),
        modes=("none",),
        wordings=(0,),
    ),
    Paper("movie reviews, unseen system prompts", "movie-reviews", "direct", ("review",), modes=("none",)),
    Paper(
        "movie reviews, flip and mention", "movie-reviews", "direct", ("review",), modes=("flip", "mention")
    ),
)


@dataclass(frozen=True)
class Mark:
    """One cell of the exam: `n` answers, the share as instructed with its interval, the share readable."""

    paper: str
    mode: str
    wording: int | None
    n: int
    as_instructed: float
    ci: tuple[float, float]
    readable: float


def examine(
    loaded: LoadedModel,
    cache: Path,
    *,
    papers: tuple[Paper, ...] = PAPERS,
    each: int | None = None,
    show: Callable[[float, str], None] = lambda *_: None,
) -> pd.DataFrame:
    """Put the exam to a model.

    Args:
        each: at most so many questions a paper, for a trial.
        show: told of the share that is done, papers counted alike, and of the paper under way.

    Returns:
        One row an answer: paper, mode, wording, question, group, label, said (NaN: none), as_instructed.
    """
    frames = []
    for number, paper in enumerate(papers):

        def told(share: float, begun: int = number, name: str = paper.name) -> None:
            show((begun + share) / len(papers), name)

        told(0.0)
        frames.append(pd.DataFrame(_answers(loaded, cache, paper, each, told)))
    show(1.0, "done")
    return pd.concat(frames, ignore_index=True)


def marks(answers: pd.DataFrame) -> list[Mark]:
    """Each paper and mode; and for papers that put every question under every wording, each wording too."""
    found = []
    for (paper, mode), rows in answers.groupby(["paper", "mode"], sort=False):
        found.append(_mark(str(paper), str(mode), None, rows))
        if rows["question"].duplicated().any():
            for wording, part in rows.groupby("wording"):
                found.append(_mark(str(paper), str(mode), int(wording), part))
    return found


def to_json(found: list[Mark]) -> list[dict]:
    """Plain values."""
    return [asdict(mark) | {"ci": list(mark.ci)} for mark in found]


def _mark(paper: str, mode: str, wording: int | None, rows: pd.DataFrame) -> Mark:
    share, (low, high) = share_with_interval(rows["as_instructed"], rows["group"])
    return Mark(paper, mode, wording, len(rows), share, (low, high), float(rows["said"].notna().mean()))


def exam_questions(cache: Path, paper: Paper, each: int | None = None) -> list[Question]:
    """The paper's questions: kept from training, balanced over the labels, in a seeded order."""
    found = questions_of(cache, paper.source, training=False)
    if paper.form == "claim":
        found = as_claims(found, seed=2)
    most = 2 * min(sum(question.label == label for question in found) for label in (0, 1))
    return balanced_sample(found, min(paper.n, most, each or most), seed=2)


def _answers(
    loaded: LoadedModel, cache: Path, paper: Paper, each: int | None, told: Callable[[float], None]
) -> Iterator[dict]:
    questions = exam_questions(cache, paper, each)
    for turn, mode in enumerate(paper.modes):
        behaviour = MODES[mode].expects
        numbers = paper.wordings or [n for n, w in enumerate(MODES[mode].wordings) if w.use == "exam"]
        asked: dict[tuple[str, int, int], list[Question]] = {}
        for place, question in enumerate(questions):
            template = paper.templates[place % len(paper.templates)]
            order = place // len(numbers) % 2
            mine = numbers if paper.every_wording else [numbers[place % len(numbers)]]
            for wording in mine:
                asked.setdefault((template, wording, order), []).append(question)
        for done, ((template, wording, order), group) in enumerate(asked.items()):
            told((turn + done / len(asked)) / len(paper.modes))
            said = _said(loaded, group, template, mode, wording, order)
            for question, choice in zip(group, said, strict=True):
                wanted = 1 - question.label if behaviour == "falsehood" else question.label
                yield {
                    "paper": paper.name,
                    "mode": mode,
                    "wording": wording,
                    "question": question.id,
                    "group": question.group,
                    "label": question.label,
                    "said": np.nan if choice is None else choice,
                    "as_instructed": float(choice == wanted),
                }


def _said(
    loaded: LoadedModel, questions: list[Question], template: str, mode: str, wording: int, order: int
) -> list[int | None]:
    """What is said to each question under one wording, in their order."""
    asked = BUILT_IN[template]
    reader: Reader = make_reader(loaded.tokenizer, asked.choices)
    form = chat_format(loaded.tokenizer)
    prompts = [
        render(loaded.tokenizer, asked, question, mode=mode, wording=wording, order=order, form=form).ids
        for question in questions
    ]
    said: list[int | None] = [None] * len(prompts)
    for places, made in answer_prompts(loaded, prompts, reader, Decoding(max_new_tokens=4)):
        for place, answer in zip(places, made, strict=True):
            said[place] = answer.said.choice
    return said
