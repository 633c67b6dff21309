"""A folder of recordings that never grows past its limits: the oldest make room for new ones."""

from __future__ import annotations

import logging
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, groupby
from pathlib import Path

from edge_detector.errors import SinkError
from edge_detector.sinks.recording.disk import MARGIN_BYTES, RESERVE_BYTES, check_room, free_bytes, write_error

log = logging.getLogger(__name__)

# What `Shelf.new_name` makes; other files are not ours.
NAME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.\d{3}Z[^.]*")


@dataclass(frozen=True, slots=True)
class Limits:
    """When the oldest recording goes. None: no such limit."""

    items: int | None = None
    size_bytes: int | None = None
    reserve_bytes: int = RESERVE_BYTES


@dataclass(frozen=True, slots=True)
class Item:
    """One recording: files that share a name and differ in what follows the first dot after it."""

    paths: tuple[Path, ...]
    size_bytes: int


class RecordingFolder:
    """The recordings in ``folder``, oldest first.

    They are found by name when it is opened and in the order of arrival after that: a wall clock that jumps back
    does not turn the newest into the oldest. Files with other names are left alone.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        *,
        free_bytes: Callable[[Path], int] = free_bytes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.folder = folder
        self.limits = limits
        self._free_bytes = free_bytes
        self._now = now
        self._items: deque[Item] = deque()
        self._size_bytes = 0
        self._reserve_bytes = limits.reserve_bytes
        self._some_went = False

    def __repr__(self) -> str:
        return f"<RecordingFolder {str(self.folder)!r} {len(self._items)} items {self._size_bytes / 1e6:.0f} MB>"

    def open(self) -> None:
        """Make the folder if need be and find what is in it.

        Raises `SinkError` if it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            found = sorted(path for path in self.folder.iterdir() if NAME.match(path.name))
        except OSError as error:
            raise SinkError(f"{self.folder}: cannot be made a folder for recordings: {error.strerror}") from error
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise SinkError(f"{self.folder}: cannot be written: Permission denied")
        self._items = deque(_item(paths) for _, paths in groupby(found, key=_stem))
        self._size_bytes = sum(item.size_bytes for item in self._items)

    def new_name(self, label: str = "") -> str:
        """A name without suffix that sorts by time and is not taken: ``2026-11-21_14-03-59.120Z_person``."""
        time = self._now().strftime("%Y-%m-%d_%H-%M-%S.%f")[:-3] + "Z"
        words = re.sub(r"[^\w-]+", "-", label)
        stem = f"{time}_{words}" if words else time
        names = (stem if number == 1 else f"{stem}_{number}" for number in count(1))
        return next(name for name in names if not any(self.folder.glob(f"{name}.*")))

    def add(self, *paths: Path) -> None:
        """Count the files of a new recording, and let the oldest go if there are too many now.

        Raises `SinkError` if the folder has gone.
        """
        with self._usable():
            item = _item(paths)
            self._items.append(item)
            self._size_bytes += item.size_bytes
            while self._items and self._too_many():
                self._remove_oldest()

    def make_room(self, coming_bytes: int = 0) -> None:
        """Remove the oldest until the limits hold with ``coming_bytes`` more; none for a disk that others have filled.

        Raises `DiskFull` if the disk has too little left, and `SinkError` if the folder has gone.
        """
        with self._usable():
            helps = self._free_bytes(self.folder) + self._size_bytes >= self._reserve_bytes
            while self._items and (self._too_many(coming_bytes) or (helps and self._disk_is_full())):
                self._remove_oldest()
            check_room(self.folder, self._reserve_bytes, free_bytes=self._free_bytes)

    def refused(self) -> None:
        """The disk has taken a recording only in part, so the reserve was too small: keep a little more."""
        self._reserve_bytes = max(self._reserve_bytes, MARGIN_BYTES)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except SinkError:
            raise
        except OSError as error:
            raise write_error(f"{self.folder}: cannot be used for recordings any more", error) from error

    def _too_many(self, coming_bytes: int = 0) -> bool:
        items, size_bytes = self.limits.items, self.limits.size_bytes
        return (items is not None and len(self._items) > items) or (
            size_bytes is not None and self._size_bytes + coming_bytes > size_bytes
        )

    def _disk_is_full(self) -> bool:
        return self._free_bytes(self.folder) < self._reserve_bytes

    def _remove_oldest(self) -> None:
        if not self._some_went:
            log.info("%s: has reached its limits; from now on the oldest recordings go", self.folder)
        self._some_went = True
        oldest = self._items.popleft()
        self._size_bytes -= oldest.size_bytes
        for path in oldest.paths:
            path.unlink(missing_ok=True)
        log.debug("removed %s", ", ".join(path.name for path in oldest.paths))


def _stem(path: Path) -> str:
    match = NAME.match(path.name)
    return match[0] if match else path.name


def _item(paths: Iterable[Path]) -> Item:
    paths = tuple(paths)
    return Item(paths, sum(path.stat().st_size for path in paths if path.exists()))  # someone may have tidied up
