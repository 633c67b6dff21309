"""Tells whether a program writes to the database: its lock ends with it, however it dies."""

from __future__ import annotations

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import IO

from edge_detector.errors import SinkError


def lock_path(database: Path) -> Path:
    """Beside the database, because SQLite's own locks on that end when anybody here closes it."""
    return database.with_name(f"{database.name}.lock")


def take(database: Path) -> IO[bytes]:
    """The lock; closing the file gives it back.

    Raises `OSError` if the file cannot be made, and `SinkError` if another program has the lock.
    """
    file = lock_path(database).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise SinkError(f"{database}: another edge-detector writes to it; give each one a file of its own") from None
    except OSError:  # a file system without locks
        pass
    return file


def is_taken(database: Path) -> bool:
    """Whether a program writes to ``database`` now."""
    with suppress(FileNotFoundError, PermissionError), lock_path(database).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
