"""Writes finished blocks in their order while the next ones are computed: one thread, and a short queue."""

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

AHEAD = 2
"""Blocks that may wait to be written: what is computed never runs further ahead of the disk."""

Block = TypeVar("Block")


class Writer(Generic[Block]):
    """A context; at its end everything that was put is written.

    Args:
        write: stores one block, whole or not at all.
    """

    def __init__(self, write: Callable[[Block], None]) -> None:
        self._write = write
        self._queue: deque[Block] = deque()
        self._change = threading.Condition()
        self._ended = False
        self._error: BaseException | None = None
        # A daemon: a server that is told to stop does not wait for a harvest's next block.
        self._thread = threading.Thread(target=self._run, name="telltale-writer", daemon=True)

    def __enter__(self) -> "Writer[Block]":
        self._thread.start()
        return self

    def put(self, block: Block) -> None:
        """Hand a block over; waits while the queue is full.

        Raises:
            Exception: whatever `write` raised before; nothing is written after it.
        """
        with self._change:
            self._change.wait_for(lambda: len(self._queue) < AHEAD or self._error is not None)
            if self._error is not None:
                raise self._error
            self._queue.append(block)
            self._change.notify_all()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._change:
            self._ended = True
            self._change.notify_all()
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: bool(self._queue) or self._ended)
                if not self._queue:
                    return
                block = self._queue[0]
            try:
                self._write(block)
            except BaseException as error:
                with self._change:
                    self._error = error
                    self._queue.clear()
                    self._change.notify_all()
                return
            with self._change:
                self._queue.popleft()
                self._change.notify_all()
