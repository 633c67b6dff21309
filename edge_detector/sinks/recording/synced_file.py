"""A file that gets its name when it is of use, and keeps everything written to it, even after a power cut."""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

PART_SUFFIX = ".part"  # of files that are not of use yet; browsers call downloads so


class SyncedFile(io.FileIO):
    """A file whose every write goes to the disk at once, completely or not at all.

    It is called NAME.part until `take_final_name`; one that is closed before is removed. Other programs thus see only
    files that are of use, and what a crash leaves behind can be told from them (see `is_abandoned`). After a write has
    failed, later writes do nothing: closing a film then cannot damage what is on the disk.
    """

    def __init__(self, path: Path, *, count: Callable[[int], None]) -> None:
        """``path`` is the final name; ``count`` is called with the number of bytes of every write."""
        self.path = path.resolve() if path.is_symlink() else path
        self.has_final_name = False
        super().__init__(part_of(self.path), "w")
        with suppress(OSError):  # a file system without locks
            fcntl.flock(self.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.bytes_written = 0
        self._count = count
        self.failed = False

    def __enter__(self) -> Self:
        return self

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

    def take_final_name(self) -> None:
        """Rename the file to its final name; does nothing the second time. A file that has that name is replaced."""
        if not self.has_final_name:
            take_final_name(part_of(self.path))
            self.has_final_name = True

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        if not self.has_final_name:
            part_of(self.path).unlink(missing_ok=True)

    def _write_whole(self, rest: memoryview) -> None:
        while rest:
            rest = rest[super().write(rest) :]
        os.fdatasync(self.fileno())


def part_of(path: Path) -> Path:
    """The name that the file ``path`` has until it is of use."""
    return path.with_name(path.name + PART_SUFFIX)


def take_final_name(part: Path) -> None:
    """Rename NAME.part to NAME, so that a power cut does not undo it."""
    part.replace(part.with_suffix(""))
    with suppress(OSError):  # some network file systems cannot sync a folder
        folder = os.open(part.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def is_abandoned(part: Path) -> bool:
    """Whether no program writes to NAME.part any more: the lock on it ended with its program."""
    try:
        with part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
