"""Makes float32 matrix products on the CPU as fast as the processor allows, without a change to the model.

PyTorch hands linear layers to MKL, which takes its slower code on processors of other makers; oneDNN, which
PyTorch ships as well, does not (twice the rate on an AVX-512 EPYC, the same on Intel). Only the order of
summation differs: states agree to about 1e-6. oneDNN lays a weight out anew for every product, unless it has
been laid out before: that saves a twentieth of a large batch's time, and a quarter of a few tokens'.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psutil
import torch
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

AVAILABLE = torch.backends.mkldnn.is_available() and torch.backends.mkl.is_available()
SHARE = 0.25
"""Of the memory that is free, what laid out weights may take."""


def by_onednn(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """inputs @ weight.T + bias, of float32 on the CPU; the weight may be laid out."""
    return torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")


class LaidOut:
    """Weights as oneDNN likes them, each laid out when `FastLinear` first meets it.

    Weights must not change as long as it lives: it is for one harvest, not for a model. It holds them twice,
    and does nothing where memory has no room for that.

    Args:
        parameters: of the model.
    """

    def __init__(self, parameters: int) -> None:
        fits = 4 * parameters <= SHARE * psutil.virtual_memory().available
        self._weights: dict[int, tuple[torch.Tensor, torch.Tensor]] | None = {} if fits else None

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Meanwhile, `FastLinear` takes them in place of the model's."""
        token = _laid_out.set(self)
        try:
            yield
        finally:
            _laid_out.reset(token)

    def of(self, weight: torch.Tensor) -> torch.Tensor:
        """A weight laid out; itself where memory has no room."""
        if self._weights is None:
            return weight
        if id(weight) not in self._weights:
            self._weights[id(weight)] = weight, torch.ops.mkldnn._reorder_linear_weight(weight)
        return self._weights[id(weight)][1]


_laid_out: ContextVar[LaidOut | None] = ContextVar("laid_out", default=None)


class FastLinear(TorchFunctionMode):
    """A context, for this thread alone, in which float32 linear layers on the CPU run through oneDNN."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Called by PyTorch in place of each of its functions."""
        if function is linear and AVAILABLE and not kwargs and not torch.is_grad_enabled():
            inputs, weight, bias = args if len(args) == 3 else (*args, None)
            if _plain(inputs) and _plain(weight):
                known = _laid_out.get()
                weight = weight if known is None else known.of(weight)
                return by_onednn(inputs, weight, bias)
        return function(*args, **(kwargs or {}))


def _plain(tensor: torch.Tensor) -> bool:
    """Whether it is float32 numbers on the CPU and nothing cleverer, such as a quantised weight."""
    kind = type(tensor) in (torch.Tensor, torch.nn.Parameter)
    return kind and tensor.device.type == "cpu" and tensor.dtype == torch.float32
