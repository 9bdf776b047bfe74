"""What every measurement is given: the model, the cache folder, and how much to measure."""

from dataclasses import dataclass
from pathlib import Path

from core.models.loading import LoadedModel


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        questions: each asked in both modes.
        pairs: of repetitions.
        layers: of made states to fit probes on.
        stored: answers whose states are written.
        read: answers whose states are read.
        grown: answers of the harvests that show how time and memory grow: a few, ten times as many, and
            again ten times as many.
        spoken: tokens of an answer that is scored while it is spoken.
        side: of the square matrices whose product gives the machine's rate.
    """

    questions: int = 32
    pairs: int = 5
    layers: int = 31
    stored: int = 2048
    read: int = 20_000
    grown: tuple[int, int, int] = (200, 2000, 20_000)
    spoken: int = 40
    side: int = 2048


FULL = Size()
QUICK = Size(questions=8, pairs=2, layers=6, stored=256, read=2048, grown=(40, 80, 160), spoken=8, side=1024)


@dataclass(frozen=True, eq=False)
class Bench:
    """The model that is measured, its cache folder, and how much is measured."""

    loaded: LoadedModel
    cache: Path
    size: Size
