"""A file that holds what was written to it even if the power goes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path


class SyncedFile(io.FileIO):
    """A file whose every write goes to the disk at once and whole, and whose first failure is its last.

    After a failure it swallows whatever follows, so that closing a film cannot spoil what is there.
    """

    def __init__(self, path: Path, *, count: Callable[[int], None]) -> None:
        """``count`` is told the number of bytes of every write."""
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
            self.truncate(start)  # half a fragment would stop a player
            raise
        self.bytes_written += len(data)
        self._count(len(data))
        return len(data)

    def _write_whole(self, rest: memoryview) -> None:
        while rest:
            rest = rest[super().write(rest) :]
        os.fdatasync(self.fileno())
