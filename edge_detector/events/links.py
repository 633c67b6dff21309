"""Says in the database of visits which file belongs to which visit; for sinks that write files of their own."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from edge_detector.events.database import FileLink, link_files
from edge_detector.events.place import database_of
from edge_detector.system.disk_writes import bytes_written

log = logging.getLogger(__name__)

RETRY_S = 10.0  # between two attempts on a database that cannot be written
MOST_WAITING = 1000  # links that wait for such a database; the oldest are dropped


class FileLinks:
    """Links files to their visits in the database of the run; where no sink keeps events, it does nothing.

    The file counts more than its link: what cannot be written now is logged once, waits, and is tried again.
    """

    def __init__(
        self,
        sinks: Iterable[str],
        *,
        count: Callable[[int], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``sinks`` of the run, as they stand in the configuration; ``count`` is told how many bytes are written."""
        self._database = database_of(sinks)
        self._count = count
        self._clock = clock
        self._waiting: deque[FileLink] = deque()
        self._dropped = 0
        self._failed_s: float | None = None  # when the last attempt failed; None: it did not

    def __repr__(self) -> str:
        return f"<FileLinks {str(self._database) if self._database else 'none'!r} waiting={len(self._waiting)}>"

    def add(self, visit_id: str, kind: str, path: Path) -> None:
        """Say that the file ``path`` belongs to a visit; the visit itself may come later."""
        if self._database is None:
            return
        self._waiting.append(FileLink(visit_id, kind, path.absolute()))
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self.write()

    def write(self) -> None:
        """Write what waits, unless an attempt has failed a moment ago."""
        if self._waiting and (self._failed_s is None or self._clock() - self._failed_s >= RETRY_S):
            self._attempt()

    def close(self) -> None:
        """Write what waits, and log how many files stay without a link."""
        if self._waiting:
            self._attempt()
        if lost := len(self._waiting) + self._dropped:
            log.warning("%s: %d files are there, but not linked to their visits", self._database, lost)
        self._waiting.clear()
        self._dropped = 0

    def _attempt(self) -> None:
        assert self._database is not None
        before = bytes_written()
        try:
            link_files(self._database, self._waiting)
        except sqlite3.Error as error:
            if self._failed_s is None:
                path = self._waiting[0].path
                log.warning("%s: cannot link %s to its visit; will try again: %s", self._database, path, error)
            self._failed_s = self._clock()
        else:
            self._failed_s = None
            self._waiting.clear()
        finally:
            self._count(bytes_written() - before)
