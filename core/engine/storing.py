"""How a harvest is stored, whoever computes it: arrays and a record first, then states, then rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.engine.plan import Block, Plan
from core.store.run_states import RunStates
from core.store.runs import RunStore


@dataclass(frozen=True)
class Receipt:
    """What of a block goes into the database, once its states are on disk."""

    rows: list[dict]
    calibrations: list[dict]

    @classmethod
    def of(cls, worker: Any, block: Block, generated: list[Any]) -> "Receipt":
        """That of a block which a worker generated; the worker may ask the model to calibrate it."""
        return cls(worker.rows(block, generated), worker.calibrations(block))


def begin(store: RunStore, run: str, plan: Plan, facts: dict) -> set[int]:
    """Record a run and make its arrays, whatever of them is missing; gives the answers that are there.

    Answers of an unfinished run whose states are damaged are not there any more.

    Args:
        facts: what every view needs to know of the run, layers and d_model among it.

    Raises:
        StoreError: the folder or the database cannot be written, or states that are kept elsewhere reached.
    """
    settings, shape = plan.settings, (facts["layers"], facts["d_model"])
    store.settle(run)
    store.begin(run, settings.to_dict(), facts, plan.answers, plan.questions)
    store.states(run).create(settings.kept, plan.rows, *shape, plan.block_size)
    if settings.open:
        store.token_states(run).create(plan.rows * settings.decoding.max_new_tokens, *shape)
    if not store.run(run).complete:
        store.set_damaged_aside(run)
    return store.done(run)


def write_states(store: RunStates, run: str, worker: Any, block: Block, generated: list[Any]) -> None:
    """Write a block's states.

    Args:
        worker: that generated it, a `ChoiceWorker` or an `OpenWorker`.

    Raises:
        StoreError: the disk is full or the folder is gone.
    """
    states = store.states(run)
    for position in worker.plan.settings.kept:
        states.write(position, block.first_row, np.stack([answer.states[position] for answer in generated]))
    worker.write_tokens(store, run, block, generated)


def commit(store: RunStore, run: str, receipt: Receipt) -> None:
    """Commit a block whose states are on disk."""
    for row in receipt.calibrations:
        store.add_calibration(run, row)
    store.add_answers(run, receipt.rows)
