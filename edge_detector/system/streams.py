"""Standard input, output and error of a process whose caller closed them, or stopped to read."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

STANDARD_ERROR_FD = 2


def open_closed_ones() -> None:
    """Give every closed standard stream to the null device.

    Else the next file that is opened gets its number, and what a library says to standard error lands in that file.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STANDARD_ERROR_FD:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or _null()
    sys.stderr = sys.stderr or _null()


def give_up_output() -> None:
    """Send the rest of standard output nowhere: at exit Python would try its dead reader again, and complain."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _null() -> TextIO:
    return Path(os.devnull).open("w")
