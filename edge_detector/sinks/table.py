"""A CSV file that one program after another adds rows to."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from edge_detector.sinks.line_file import LineFile

log = logging.getLogger(__name__)


class Table:
    """A CSV file that grows by one row at a time, over restarts too."""

    def __init__(self, path: Path) -> None:
        """Raises `SinkError` if the file cannot be written."""
        self.path = path
        self._file = LineFile(path, append=True)
        self._begun = False

    def __repr__(self) -> str:
        return f"<Table {self._file!r}>"

    def append(self, row: Mapping[str, object]) -> int:
        """Write ``row`` behind the time of day (UTC), with a header before the first; returns how many bytes.

        Raises `SinkError` when the disk is full.
        """
        row = {"time": datetime.now(UTC).isoformat(timespec="seconds"), **row}
        header_bytes = 0 if self._begun else self._begin(_csv(row))
        return header_bytes + self._file.write(_csv(row.values()))

    def close(self) -> None:
        self._file.close()

    def _begin(self, header: str) -> int:
        """Make sure that the file has this header: one by another version, with other columns, is set aside."""
        self._begun = True
        if not self._file.empty and _first_line(self.path) != header:
            self._file.close()
            aside = self.path.with_name(f"{self.path.name}.{datetime.now(UTC):%Y-%m-%d_%H-%M-%S}")
            self.path.rename(aside)
            log.warning("%s: has other columns than this version writes; it is %s now", self.path, aside)
            self._file = LineFile(self.path, append=True)
        return self._file.write(header) if self._file.empty else 0


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\n")


def _csv(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
