"""Opinions about places, films and things, to train liars on and for nothing else: no run asks them.

Each line of `TEXTS` holds its origin, its label (1: positive) and the text, between tabs. `yelp` and `imdb`
are sentences of restaurant and film reviews (Kotzias et al. 2015, "From Group to Individual Labels using Deep
Features", KDD; CC BY 4.0), of 20 to 160 characters; `remark` are remarks about goods and services that were
written for Telltale. None is a near-duplicate of another or of a built-in review. The Amazon part of the same
data is left out: no liar is trained on Amazon reviews.
"""

from functools import lru_cache
from pathlib import Path

from core.data.question import Question
from core.data.reviews import CHOICES

OPINIONS = "opinions"
TEXTS = Path(__file__).with_name("opinions.txt")


@lru_cache(maxsize=1)
def load_opinions() -> tuple[Question, ...]:
    """Every opinion, each a group of its own, in the file's order."""
    lines = [line.split("\t") for line in TEXTS.read_text(encoding="utf-8").splitlines()]
    return tuple(
        Question(f"{OPINIONS}:{number}", text, int(label), CHOICES, OPINIONS, f"{OPINIONS}:{number}")
        for number, (_, label, text) in enumerate(lines)
    )
