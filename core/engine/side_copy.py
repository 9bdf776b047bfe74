"""Brings states from a GPU into main memory while it computes on: a stream of its own, pinned memory."""

import torch


class SideCopy:
    """Copies that are under way together; what is not on CUDA is copied at once."""

    def __init__(self) -> None:
        self._streams: dict[torch.device, torch.cuda.Stream] = {}

    def start(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor on the CPU that holds the same once `finish` has returned, and may not before."""
        if tensor.device.type != "cuda":
            return tensor.cpu()
        if tensor.device not in self._streams:
            self._streams[tensor.device] = torch.cuda.Stream(tensor.device)
        stream = self._streams[tensor.device]
        pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        stream.wait_stream(torch.cuda.current_stream(tensor.device))
        with torch.cuda.stream(stream):
            pinned.copy_(tensor, non_blocking=True)
        tensor.record_stream(stream)  # its memory is not given to another before it has been read
        return pinned

    def finish(self) -> None:
        """Wait for all that was started."""
        for stream in self._streams.values():
            stream.synchronize()
