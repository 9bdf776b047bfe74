"""Makes float32 matrix products on the CPU as fast as the processor allows, without a change to the model.

PyTorch hands linear layers to MKL, which takes its slower code on processors of other makers; oneDNN, which
PyTorch ships as well, does not (twice the rate on an AVX-512 EPYC, the same on Intel). Only the order of
summation differs: states agree to about 1e-6.
"""

from typing import Any

import torch
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

AVAILABLE = torch.backends.mkldnn.is_available() and torch.backends.mkl.is_available()


class FastLinear(TorchFunctionMode):
    """A context, for this thread alone, in which float32 linear layers on the CPU run through oneDNN."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Called by PyTorch in place of each of its functions."""
        if function is linear and AVAILABLE and not kwargs and not torch.is_grad_enabled():
            inputs, weight, bias = args if len(args) == 3 else (*args, None)
            if _plain(inputs) and _plain(weight):
                return torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
        return function(*args, **(kwargs or {}))


def _plain(tensor: torch.Tensor) -> bool:
    """Whether it is float32 numbers on the CPU and nothing cleverer, such as a quantised weight."""
    kind = type(tensor) in (torch.Tensor, torch.nn.Parameter)
    return kind and tensor.device.type == "cpu" and tensor.dtype == torch.float32
