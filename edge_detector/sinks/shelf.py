"""A folder of recordings that never grows past its limits: the oldest make room for new ones."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, groupby
from pathlib import Path

from edge_detector.errors import SinkError

log = logging.getLogger(__name__)

RESERVE_BYTES = 500 * 10**6  # left free on the disk for everything else
NAME = re.compile(
    r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.\d{3}Z[^.]*"
)  # what `Shelf.new_name` makes; other files are not ours


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


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class Shelf:
    """The recordings in ``folder``, oldest first.

    They are found by name when it is opened and in the order of arrival after that: a wall clock that jumps back
    does not turn the newest into the oldest. Files with other names are left alone.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        *,
        free_bytes: Callable[[Path], int] = _free_bytes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.folder = folder
        self.limits = limits
        self._free_bytes = free_bytes
        self._now = now
        self._items: deque[Item] = deque()
        self._size_bytes = 0
        self._was_full = False

    def __repr__(self) -> str:
        return f"<Shelf {str(self.folder)!r} {len(self._items)} items {self._size_bytes / 1e6:.0f} MB>"

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
        """Count the files of a new recording, and let the oldest go if there are too many now."""
        item = _item(paths)
        self._items.append(item)
        self._size_bytes += item.size_bytes
        self.make_room()

    def make_room(self, coming_bytes: int = 0) -> bool:
        """Remove the oldest until the limits hold with ``coming_bytes`` more; False if the disk is too full even so.

        Raises `SinkError` if the folder has gone.
        """
        try:
            while self._items and (self._too_many(coming_bytes) or self._disk_is_full()):
                self._remove_oldest()
            full = self._disk_is_full()
        except OSError as error:
            raise SinkError(f"{self.folder}: cannot be used for recordings any more: {error.strerror}") from error
        self._report(full)
        return not full

    def _report(self, full: bool) -> None:
        if full and not self._was_full:
            log.warning(
                "%s: recording stops: the disk has less than %.0f MB left", self.folder, self.limits.reserve_bytes / 1e6
            )
        if self._was_full and not full:
            log.info("%s: recording goes on: the disk has room again", self.folder)
        self._was_full = full

    def _too_many(self, coming_bytes: int) -> bool:
        items, size_bytes = self.limits.items, self.limits.size_bytes
        return (items is not None and len(self._items) > items) or (
            size_bytes is not None and self._size_bytes + coming_bytes > size_bytes
        )

    def _disk_is_full(self) -> bool:
        return self._free_bytes(self.folder) < self.limits.reserve_bytes

    def _remove_oldest(self) -> None:
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
