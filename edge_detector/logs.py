"""Log lines on stderr: plain at a terminal, with their priority for systemd's journal."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO

from edge_detector.masking import masked

# syslog's numbers, as sd-daemon(3) writes them before a line
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


def configure(*, verbose: bool) -> None:
    """Send log lines to stderr; ``verbose``: debug messages, too."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JournalFormatter() if to_journal(sys.stderr) else MaskingFormatter("%(levelname)s %(message)s")
    )
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])


def to_journal(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether ``stream`` goes to the journal and not into a pipe or file (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # a stream without a file
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def with_priority(text: str, level: int) -> str:
    """``text`` for the journal, which makes an entry of each line: each begins with the priority."""
    return "\n".join(f"<{PRIORITIES.get(level, 6)}>{line}" for line in text.splitlines())


def say(text: str, level: int) -> None:
    """Print ``text`` to stderr for the user, without secrets; do nothing if nobody reads stderr any more."""
    text = masked(text)
    with suppress(OSError):
        print(with_priority(text, level) if to_journal(sys.stderr) else text, file=sys.stderr)  # noqa: T201


class MaskingFormatter(logging.Formatter):
    """Hides secrets in the whole entry, also in a traceback, so that whoever logs something need not think of them."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class JournalFormatter(MaskingFormatter):
    """The message with its priority; the journal adds the time and the program's name."""

    def format(self, record: logging.LogRecord) -> str:
        return with_priority(super().format(record), record.levelno)
