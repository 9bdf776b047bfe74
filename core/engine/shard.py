"""One of several equal parts of a harvest, for machines that share nothing but the settings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from core.engine.plan import Block, Plan
from core.errors import DataError

MOST = 10_000
FORM = re.compile(r"([0-9]{1,5})/([0-9]{1,5})")


@dataclass(frozen=True)
class Shard:
    """Part `number`, from 1, of `of`: every so-many-th group of blocks.

    Raises:
        DataError: there is no such part.
    """

    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of <= MOST:
            raise DataError(f"shard {self.number}/{self.of}: choose 1/N to N/N, with N at most {MOST:,}")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """From `3/16`. Raises `DataError` where that is no shard."""
        found = FORM.fullmatch(text.strip())
        if found is None:
            raise DataError(f"shard {text!r}: write its number and how many there are, such as 3/16")
        return cls(int(found[1]), int(found[2]))

    @property
    def whole(self) -> bool:
        """Whether there is no other part."""
        return self.of == 1

    @property
    def folder(self) -> str:
        """Where the part's run is kept, below the cache's `shards`."""
        return f"{self.number}-of-{self.of}"

    def groups(self, plan: Plan) -> Iterator[tuple[Block, ...]]:
        """This part's groups of blocks, in order."""
        return islice(plan.groups(), self.number - 1, None, self.of)

    def answers(self, plan: Plan) -> int:
        """How many answers this part makes."""
        if self.whole:
            return plan.answers
        return sum(len(block.items) for blocks in self.groups(plan) for block in blocks)


WHOLE = Shard()
