"""What runs on the machines of a Ray cluster: a model that answers groups of blocks and writes their states.

It never opens the database: rows go back to the driver.
"""

import os
from pathlib import Path
from typing import Any

from core.engine.harvest import Prepared, describe, prepare, tokens_that_suit
from core.engine.plan import Block
from core.engine.settings import HarvestSettings
from core.engine.storing import Receipt, write_states
from core.store.run_states import RunStates


class Worker:
    """A model, loaded once, and a plan: what a Ray actor holds.

    Args:
        cache: the folder that models, data and runs are in, as all machines see it.
    """

    def __init__(self, settings: dict, cache: str) -> None:
        from core.models.loading import load_model

        self.settings, self.cache = HarvestSettings.from_dict(settings), Path(cache)
        self.loaded = load_model(self.settings.model, self.cache)
        self.states = RunStates(self.cache)
        self._worker: Any = None
        self._run = ""

    def plan(self) -> tuple[Prepared, dict]:
        """The harvest ready to run, and what every view needs to know of it."""
        prepared = prepare(self.settings, self.loaded, self.cache)
        tokens = tokens_that_suit(prepared, self.loaded, self.cache)
        return prepared, describe(prepared, self.loaded) | {"batch_tokens": tokens}

    def begin(self, prepared: Prepared, tokens: int) -> int:
        """Take the plan; gives the id of this worker's process."""
        self._run, self._worker = prepared.run, prepared.worker(self.loaded, tokens)
        return os.getpid()

    def make(self, blocks: tuple[Block, ...], there: frozenset[int]) -> list[tuple[list[int], Receipt]]:
        """Answer a group and write what is not there yet; rows and receipt of each block that was not."""
        made = []
        for block, generated in zip(blocks, self._worker.generate(blocks), strict=True):
            rows = [item.row for item in block.items]
            if not there.issuperset(rows):
                receipt = Receipt.of(self._worker, block, generated)
                write_states(self.states, self._run, self._worker, block, generated)
                made.append((rows, receipt))
        return made
