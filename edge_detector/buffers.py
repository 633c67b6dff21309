"""Memory for pictures that is used again: a frame's bytes come back when nobody holds the frame any more."""

from __future__ import annotations

import weakref
from collections import deque
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

MOST_FREE = 8  # more frames than are ever on their way through the queues; more would only hold memory


class BufferPool:
    """Arrays of bytes of one size at a time, each used again once the last reference to it is gone; for any thread.

    Large arrays are otherwise new memory pages for every frame, which the kernel has to clear: 2.3 ms a frame of
    1280x720 where the allocator gives memory back at once (`system.allocator`).
    """

    def __init__(self) -> None:
        self._free: deque[bytearray] = deque(maxlen=MOST_FREE)

    def __repr__(self) -> str:
        return f"<BufferPool {len(self._free)} free>"

    def take(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """An array of ``shape`` whose content is arbitrary. Views of it keep it from being used again, too."""
        size_bytes = int(np.prod(shape))
        memory = self._free_memory(size_bytes)
        # The owner of the memory is no array, so every view keeps `array` alive: numpy's chain of bases ends there.
        array: NDArray[np.uint8] = np.frombuffer(memory, np.uint8)
        weakref.finalize(array, self._free.append, memory).atexit = False
        return array.reshape(shape)

    def _free_memory(self, size_bytes: int) -> bytearray:
        with suppress(IndexError):  # none is free, or another thread has just taken the last
            while len(memory := self._free.pop()) != size_bytes:
                """One of another size is let go: the camera has changed its picture."""
            return memory
        return bytearray(size_bytes)
