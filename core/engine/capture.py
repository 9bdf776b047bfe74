"""Reads the residual stream of a forward pass: one vector per layer, at the last position or at every one.

Layer 0 is the embedding output (the first block's input), layer i the stream after block i, before any
final norm.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import torch

from core.engine.arithmetic import FastLinear
from core.engine.side_copy import SideCopy
from core.models.loading import LoadedModel


class StateCapture:
    """A context in which every forward pass leaves its states for `take`.

    It holds the model's lock: no other thread runs the model meanwhile. Linear layers run fast in it.

    Args:
        whole: keep every position, not only the last.
    """

    def __init__(self, loaded: LoadedModel, whole: bool = False) -> None:
        self._lock, self._blocks, self._whole = loaded.lock, loaded.blocks, whole
        self._fast, self._copy = FastLinear(), SideCopy()
        self._handles: list[Any] = []
        self._layers: dict[int, torch.Tensor] = {}
        self._places: torch.Tensor | None = None

    def __enter__(self) -> "StateCapture":
        self._lock.acquire()
        first = self._blocks[0]
        self._handles.append(first.register_forward_pre_hook(self._embedding, with_kwargs=True))
        for number, block in enumerate(self._blocks, start=1):
            self._handles.append(block.register_forward_hook(self._block(number)))
        self._fast.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._fast.__exit__(kind, error, trace)
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._layers.clear()
        self._lock.release()

    @contextmanager
    def at(self, places: torch.Tensor) -> Iterator[None]:
        """Meanwhile, keep these positions of one packed row in place of the last one of each row."""
        self._places = places
        try:
            yield
        finally:
            self._places = None

    def _embedding(self, _module: Any, args: tuple, kwargs: dict) -> None:
        hidden = args[0] if args else kwargs["hidden_states"]
        self._keep(0, hidden)

    def _block(self, number: int) -> Any:
        def keep(_module: Any, _args: tuple, output: Any) -> None:
            hidden = output[0] if isinstance(output, tuple) else output
            self._keep(number, hidden)

        return keep

    def _keep(self, number: int, hidden: torch.Tensor) -> None:
        if self._places is not None:
            kept = hidden[0, self._places]
        else:
            kept = hidden if self._whole else hidden[:, -1]
        self._layers[number] = kept.detach()

    def take(self) -> torch.Tensor:
        """States of the last forward pass, float32, on the CPU.

        Returns:
            (batch, layers, d_model), or (batch, position, layers, d_model) where every position was kept.
        """
        return self._stacked().cpu().float()

    def take_soon(self) -> torch.Tensor:
        """As `take`, in the model's dtype, while the model goes on; whole once `arrived` has returned."""
        return self._copy.start(self._stacked())

    def arrived(self) -> None:
        """Wait for what was to be taken soon."""
        self._copy.finish()

    def _stacked(self) -> torch.Tensor:
        ordered = [self._layers[number] for number in range(len(self._blocks) + 1)]
        if len({layer.device for layer in ordered}) > 1:
            ordered = [layer.cpu() for layer in ordered]
        return torch.stack(ordered, dim=-2)
