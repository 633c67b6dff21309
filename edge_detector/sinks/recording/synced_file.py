"""A file that keeps everything written to it, even after a power cut."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path


class SyncedFile(io.FileIO):
    """A file whose every write goes to the disk at once, completely or not at all.

    After a write has failed, later writes do nothing: closing a film then cannot damage what is on the disk.
    """

    def __init__(self, path: Path, *, count: Callable[[int], None]) -> None:
        """``count`` is called with the number of bytes of every write."""
        super().__init__(path, "w")
        self.bytes_written = 0
        self._count = count
        self.failed = False

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        if self.failed:
            return len(data)
        start = self.tell()
        try:
            self._write_whole(memoryview(data))
        except OSError:
            self.failed = True
            self.truncate(start)  # a player would stop at half a fragment
            raise
        self.bytes_written += len(data)
        self._count(len(data))
        return len(data)

    def _write_whole(self, rest: memoryview) -> None:
        while rest:
            rest = rest[super().write(rest) :]
        os.fdatasync(self.fileno())
