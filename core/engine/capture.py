"""Reads the residual stream at the last position of a forward pass: one vector per layer, nothing more.

Layer 0 is the embedding output (the first block's input), layer i the stream after block i, before any
final norm.
"""

from types import TracebackType
from typing import Any

import torch


class StateCapture:
    """A context in which every forward pass leaves its last position's states for `take`."""

    def __init__(self, blocks: Any) -> None:
        self._blocks = blocks
        self._handles: list[Any] = []
        self._layers: dict[int, torch.Tensor] = {}

    def __enter__(self) -> "StateCapture":
        first = self._blocks[0]
        self._handles.append(first.register_forward_pre_hook(self._embedding, with_kwargs=True))
        for number, block in enumerate(self._blocks, start=1):
            self._handles.append(block.register_forward_hook(self._block(number)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._layers.clear()

    def _embedding(self, _module: Any, args: tuple, kwargs: dict) -> None:
        hidden = args[0] if args else kwargs["hidden_states"]
        self._layers[0] = hidden[:, -1].detach()

    def _block(self, number: int) -> Any:
        def keep(_module: Any, _args: tuple, output: Any) -> None:
            hidden = output[0] if isinstance(output, tuple) else output
            self._layers[number] = hidden[:, -1].detach()

        return keep

    def take(self) -> torch.Tensor:
        """States of the last forward pass, (batch, layers, d_model), float32, on the CPU."""
        ordered = [self._layers[number].float().cpu() for number in range(len(self._blocks) + 1)]
        return torch.stack(ordered, dim=1)
