"""A CSV file to which each run of the program adds rows."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from edge_detector.sinks.base import Writer
from edge_detector.sinks.recording.disk import Outage
from edge_detector.sinks.recording.line_file import LineFile, predecessor

log = logging.getLogger(__name__)

LIMIT_BYTES = 50 * 10**6  # two months of a row every ten seconds; the rotated file holds as much again

Row = Mapping[str, object]


class CsvLog(Writer[Row], backlog=8):
    """A CSV file that grows by one row at a time, over restarts, too, and is rotated when it is large.

    A row that does not fit on a full disk is left out and counted.
    """

    def __init__(self, path: Path, *, count: Callable[[int], None], limit_bytes: int = LIMIT_BYTES) -> None:
        """``count`` is called with the number of bytes of every write. ``with`` opens the file."""
        self.path = path
        self._count = count
        self._limit_bytes = limit_bytes
        self._outage = Outage(path.name, live=True)
        self._file: LineFile | None = None
        self._columns_checked = False

    def __repr__(self) -> str:
        return f"<CsvLog {self._file or self.path!r}>"

    @property
    def lost(self) -> int:
        """Rows for which the disk had no room."""
        return self._outage.lost

    def open(self) -> None:
        """Raises `SinkError` if the file cannot be written."""
        self._file = LineFile(self.path, append=True, limit_bytes=self._limit_bytes)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, row: Row) -> None:
        """Write the date and time (UTC) and ``row``; the first row of a file comes after a header.

        Raises `SinkError` if the disk fails.
        """
        assert self._file is not None, "write outside of with"
        row = {"time": datetime.now(UTC).isoformat(timespec="seconds"), **row}
        size_bytes = self._outage.attempt(partial(self._write, self._file, row))
        if size_bytes:
            self._count(size_bytes)

    def _write(self, file: LineFile, row: Row) -> int:
        header = _csv(row)
        if not self._columns_checked:
            self._check_columns(file, header)
        return file.write(_csv(row.values()), head=header)

    def _check_columns(self, file: LineFile, header: str) -> None:
        """Rotate a file that another version has written with other columns."""
        if not file.empty and _first_line(self.path) != header:
            file.rotate()
            log.warning(
                "%s: this file has other columns than this version writes; renamed it to %s",
                self.path,
                predecessor(self.path),
            )
        self._columns_checked = True


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\n")


def _csv(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
