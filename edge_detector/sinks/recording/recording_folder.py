"""A folder of recordings that stays within its limits: the oldest recordings are removed to make room for new ones."""

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
from edge_detector.sinks.recording.playable import FILM_SUFFIX, is_playable
from edge_detector.sinks.recording.synced_file import PART_SUFFIX, is_abandoned, take_final_name

log = logging.getLogger(__name__)

# The names that `RecordingFolder.new_name` makes; files with other names are not recordings.
TIME = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.\d{3}Z"
NAME = re.compile(rf"{TIME}[^.]*")
# A file's name has at most 255 bytes (NAME_MAX), in an encrypted home folder 143 (eCryptfs). The time takes 25 of them,
# a number and the longest suffix, .clean.jpg.part, take 20.
LONGEST_LABEL_BYTES = 90


@dataclass(frozen=True, slots=True)
class Limits:
    """The oldest recordings are removed when there are more than this. None: no such limit."""

    items: int | None = None  # recordings
    size_bytes: int | None = None  # of all recordings together
    reserve_bytes: int = RESERVE_BYTES  # that stay free on the disk


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording: the files whose names are equal up to the suffix, such as NAME.jpg and NAME.json."""

    paths: tuple[Path, ...]
    size_bytes: int


class RecordingFolder:
    """The recordings in the folder ``path``, oldest first.

    Recordings that exist when the folder is opened are in the order of their names. New ones follow in the order in
    which they are added: if the wall clock jumps back, the newest does not become the oldest. Other files in the
    folder, and what cannot be played, are neither counted nor removed.
    """

    def __init__(
        self,
        path: Path,
        limits: Limits,
        *,
        camera: str = "",
        free_bytes: Callable[[Path], int] = free_bytes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``camera``: the one of several whose name these recordings have; those of others are other files."""
        self.path = path
        self.limits = limits
        self._camera = camera
        self._own = re.compile(rf"{TIME}_{re.escape(camera)}(?![^\W_]|-)") if camera else NAME
        self._free_bytes = free_bytes
        self._now = now
        self._recordings: deque[Recording] = deque()
        self._size_bytes = 0
        self.reserve_bytes = limits.reserve_bytes  # see `raise_reserve`
        self._has_removed = False

    def __repr__(self) -> str:
        return (
            f"<RecordingFolder {str(self.path)!r} {len(self._recordings)} recordings {self._size_bytes / 1e6:.0f} MB>"
        )

    def open(self) -> None:
        """Make the folder if it does not exist, remove what a crash has left in it, and find the recordings.

        Raises `SinkError` if the folder cannot be made or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            found = sorted(path for path in self.path.iterdir() if self._own.match(path.name))
        except OSError as error:
            raise SinkError(f"{self.path}: cannot make or read this folder: {error.strerror}") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise SinkError(f"{self.path}: cannot write to this folder: Permission denied")
        with self._errors_named():
            settled = [_settled([*paths]) for _, paths in groupby(found, key=_stem)]
        self._recordings = deque(_recording(paths) for paths in settled if any(map(is_playable, paths)))
        self._size_bytes = sum(recording.size_bytes for recording in self._recordings)

    def new_name(self, label: str = "") -> str:
        """A free name without suffix; names sort by time: ``2026-11-21_14-03-59.120Z_person``.

        After the time comes the camera, if it is one of several. A long ``label`` is cut, so that the name is as short
        as file systems want it.
        """
        time = self._now().strftime("%Y-%m-%d_%H-%M-%S.%f")[:-3] + "Z"
        words = cut(re.sub(r"[^\w-]+", "-", label), LONGEST_LABEL_BYTES - len(self._camera.encode()))
        stem = "_".join(filter(None, (time, self._camera, words)))
        names = (stem if number == 1 else f"{stem}_{number}" for number in count(1))
        return next(name for name in names if not any(self.path.glob(f"{name}.*")))

    def add(self, *paths: Path) -> None:
        """Add the files of a new recording, and remove the oldest recordings while a limit is exceeded.

        Raises `SinkError` if the folder does not exist any more.
        """
        with self._errors_named():
            recording = _recording(paths)
            self._recordings.append(recording)
            self._size_bytes += recording.size_bytes
            while self._recordings and self._exceeds_limits():
                self._remove_oldest()

    def make_room(self, coming_bytes: int = 0) -> None:
        """Remove the oldest recordings until the limits allow ``coming_bytes`` more.

        Where even the removal of all recordings would not free the reserve, because other files fill the disk, none
        is removed for that. Raises `DiskFull` if the disk has less than the reserve left, and `SinkError` if the
        folder does not exist any more.
        """
        with self._errors_named():
            helps = self._free_bytes(self.path) + self._size_bytes >= self.reserve_bytes
            while self._recordings and (self._exceeds_limits(coming_bytes) or (helps and self._disk_is_full())):
                self._remove_oldest()
            check_room(self.path, self.reserve_bytes, free_bytes=self._free_bytes)

    def raise_reserve(self) -> None:
        """Keep at least `MARGIN_BYTES` free from now on: the disk was full in the middle of a recording."""
        self.reserve_bytes = max(self.reserve_bytes, MARGIN_BYTES)

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        """Turns any `OSError` into a `SinkError` that names the folder."""
        try:
            yield
        except SinkError:
            raise
        except OSError as error:
            raise write_error(f"{self.path}: cannot use this folder any more", error) from error

    def _exceeds_limits(self, coming_bytes: int = 0) -> bool:
        items, size_bytes = self.limits.items, self.limits.size_bytes
        return (items is not None and len(self._recordings) > items) or (
            size_bytes is not None and self._size_bytes + coming_bytes > size_bytes
        )

    def _disk_is_full(self) -> bool:
        return self._free_bytes(self.path) < self.reserve_bytes

    def _remove_oldest(self) -> None:
        if not self._has_removed:
            log.info("%s: has reached its limits; new recordings replace the oldest ones", self.path)
        self._has_removed = True
        oldest = self._recordings.popleft()
        self._size_bytes -= oldest.size_bytes
        for path in oldest.paths:
            path.unlink(missing_ok=True)
        log.debug("removed %s", ", ".join(path.name for path in oldest.paths))


def cut(text: str, most_bytes: int) -> str:
    """As much of the beginning of ``text`` as fits into ``most_bytes`` of UTF-8, in whole characters."""
    return text.encode()[:most_bytes].decode(errors="ignore")


def _settled(paths: list[Path]) -> list[Path]:
    """The files of one recording, without those that a crash has cut off before their first picture.

    Where some files of a recording have their final names, all are complete: the others now get theirs. One that
    would have replaced an earlier file may not be complete, so the earlier one stays.
    """
    whole = [path for path in paths if path.suffix != PART_SUFFIX]
    for part in paths:
        if part.suffix != PART_SUFFIX or not is_abandoned(part):
            continue
        if part.with_suffix("") in whole:
            part.unlink()
        elif whole:
            take_final_name(part)
            whole.append(part.with_suffix(""))
        else:
            part.unlink()
            log.info("removed %s, which a crash has cut off before its first picture", part)
    return [path for path in whole if not _removed_as_stub(path)]


def _removed_as_stub(path: Path) -> bool:
    """Earlier versions left films without a picture under their final names."""
    if path.suffix != FILM_SUFFIX or is_playable(path):
        return False
    path.unlink()
    log.info("removed %s, a film without a picture", path)
    return True


def _stem(path: Path) -> str:
    match = NAME.match(path.name)
    return match[0] if match else path.name


def _recording(paths: Iterable[Path]) -> Recording:
    paths = tuple(paths)
    sizes_bytes = (path.stat().st_size for path in paths if path.exists())  # another program may have deleted one
    return Recording(paths, sum(sizes_bytes))
