"""Standard input, output and error of a process whose caller closed them or stopped reading."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

STANDARD_ERROR_FD = 2
TERMINAL = "/dev/tty"  # the terminal that controls the process, wherever its streams go (tty(4))


def open_closed_streams() -> None:
    """Connect every closed standard stream to the null device.

    Otherwise the next file that is opened gets its number, and a library's messages to standard error go into it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STANDARD_ERROR_FD:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or _null()
    sys.stderr = sys.stderr or _null()


def flush(stream: TextIO) -> OSError | None:
    """Write out what ``stream`` still holds. If that fails, return the error and discard the rest.

    Otherwise Python tries again at exit, prints its own message and makes the exit code 120.
    """
    try:
        stream.flush()
    except OSError as error:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        return error
    return None


def at_terminal() -> bool:
    """Whether this process has a terminal that can hang up: not under systemd or cron, nor after ``setsid``."""
    try:
        os.close(os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _null() -> TextIO:
    return Path(os.devnull).open("w")
