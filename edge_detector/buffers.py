"""Memory for pictures and tensors that is used again: it comes back when nobody holds what was in it any more."""

from __future__ import annotations

import weakref
from collections import deque
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

MOST_FREE = 8  # more frames than are ever on their way through the queues; more would only hold memory


class BufferPool:
    """Arrays of one size in bytes at a time, each used again once the last reference to it is gone; for any thread.

    Large arrays are otherwise new memory pages for every frame, which the kernel has to clear: 2.3 ms a frame of
    1280x720 where the allocator gives memory back at once (`system.allocator`).
    """

    def __init__(self) -> None:
        self._free: deque[bytearray] = deque(maxlen=MOST_FREE)

    def __repr__(self) -> str:
        return f"<BufferPool {len(self._free)} free>"

    def take(self, shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> NDArray[Any]:
        """An array of ``shape`` whose content is arbitrary. Views of it keep it from being used again, too."""
        memory = self._free_memory(prod(shape) * np.dtype(dtype).itemsize)
        # The owner of the memory is no array, so every view keeps `array` alive: numpy's chain of bases ends there.
        array: NDArray[Any] = np.frombuffer(memory, dtype)
        weakref.finalize(array, self._free.append, memory).atexit = False
        return array.reshape(shape)

    def _free_memory(self, size_bytes: int) -> bytearray:
        with suppress(IndexError):  # none is free, or another thread has just taken the last
            while len(memory := self._free.pop()) != size_bytes:
                """One of another size is let go: the camera has changed its picture."""
            return memory
        return bytearray(size_bytes)
