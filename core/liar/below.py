"""What is below the first adapted block never changes in training: its states are computed once."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.errors import StoreError
from core.liar.examples import Example

BATCH = 16


class StatesBelow:
    """The residual stream that enters one block, for every token of every example.

    Kept as a flat file of bfloat16 bits, (tokens of all examples, d_model), found again by a hash.
    """

    def __init__(self, folder: Path, examples: list[Example], block: int, model_content: str, d_model: int):
        unique = dict.fromkeys(example.prompt + example.target[:-1] for example in examples)
        self.block, self.d_model = block, d_model
        self._starts: dict[tuple[int, ...], int] = {}
        total = 0
        for ids in unique:
            self._starts[ids] = total
            total += len(ids)
        digest = hashlib.sha256(f"{model_content} {block}".encode())
        for ids in unique:
            digest.update(np.asarray(ids, dtype=np.int32).tobytes())
        self.path = folder / f"block-{block}-{digest.hexdigest()[:12]}.bf16"
        self._shape = (total, d_model)
        self._states: Any = None

    @property
    def ready(self) -> bool:
        """Whether the file is whole."""
        return self.path.is_file() and self.path.stat().st_size == 2 * self._shape[0] * self.d_model

    def compute(
        self, run: Callable[[list[tuple[int, ...]]], torch.Tensor], show: Callable[[float], None]
    ) -> None:
        """Fill the file; at once where it is whole.

        Args:
            run: from token ids, which it pads on the left, to the states that enter the block,
                (batch, longest, d_model).
            show: told the share that is done.

        Raises:
            StoreError: the disk is full.
        """
        if not self.ready:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            scratch = self.path.with_suffix(".partial")
            order = sorted(self._starts, key=len)
            try:
                states = np.memmap(scratch, dtype=np.int16, mode="w+", shape=self._shape)
                for start in range(0, len(order), BATCH):
                    rows = order[start : start + BATCH]
                    found = run(rows).to(torch.bfloat16).view(torch.int16).cpu().numpy()
                    for ids, row in zip(rows, found, strict=True):
                        place = self._starts[ids]
                        states[place : place + len(ids)] = row[len(row) - len(ids) :]
                    show(min(1.0, (start + BATCH) / len(order)))
                states.flush()
                scratch.rename(self.path)
            except OSError as error:
                scratch.unlink(missing_ok=True)
                raise StoreError(f"the states below block {self.block} cannot be kept: {error}") from error
        self._states = np.memmap(self.path, dtype=np.int16, mode="r", shape=self._shape)

    def of(self, rows: list[tuple[int, ...]], longest: int) -> torch.Tensor:
        """The kept states of these token ids, padded on the left: (batch, longest, d_model), bfloat16."""
        padded = np.zeros((len(rows), longest, self.d_model), dtype=np.int16)
        for number, ids in enumerate(rows):
            place = self._starts[ids]
            padded[number, longest - len(ids) :] = self._states[place : place + len(ids)]
        return torch.from_numpy(padded).view(torch.bfloat16)


@contextmanager
def entering(blocks: Any, block: int, states: torch.Tensor) -> Iterator[None]:
    """Have the model begin at a block, with these states; the blocks below it pass on what they get."""

    def passes_on(first: bool) -> Callable[..., Any]:
        def forward(hidden: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
            return states if first else hidden

        return forward

    for number in range(block):
        blocks[number].forward = passes_on(number == 0)
    try:
        yield
    finally:
        for number in range(block):
            del blocks[number].forward
