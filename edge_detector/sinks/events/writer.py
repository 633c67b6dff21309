"""Writes changes of visits into the database: as rarely as that can be, whatever the disk and the clock do."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from edge_detector.errors import SinkError
from edge_detector.events.database import Database, Picture, is_damage, is_passing
from edge_detector.events.place import picture_file
from edge_detector.events.record import UPDATE_S
from edge_detector.sinks.base import Writer
from edge_detector.sinks.events.stay import Change, Stay
from edge_detector.sinks.record import wall_clock_s
from edge_detector.sinks.recording.disk import DiskFull, Outage, write_error
from edge_detector.sinks.recording.synced_file import SyncedFile
from edge_detector.system.disk_writes import bytes_written

AFTER_FULL_S = 5.0  # between two attempts on a full disk
LIMITS_S = 60.0  # between two looks at the size
CLOCK_S = 3600.0  # between two looks at the age: so long the clock must not have jumped
LARGEST_JUMP_S = 60.0  # of a clock that is slightly adjusted
DAY_S = 86400.0
MOST_WAITING = 1000  # visits that wait for a full disk, about 10 MB with their pictures; more are lost


class EventWriter(Writer[Change], backlog=256, idle_s=UPDATE_S):
    """Writes changes of visits into the database, several in one commit.

    On a full disk what cannot be written waits, so that only what comes after `MOST_WAITING` visits is lost.
    """

    def __init__(
        self,
        database: Database,
        *,
        source: str,
        days: int,
        size_bytes: int,
        live: bool,
        count: Callable[[int], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        wall_s: Callable[[int], float] = wall_clock_s,
    ) -> None:
        """``wall_s`` gives the date, in seconds since 1970, of a moment on the monotonic clock, in nanoseconds."""
        self._database = database
        self._source = source
        self._days, self._size_bytes = days, size_bytes
        self._count = count
        self._clock, self._wall_s = clock, wall_s
        self._outage = Outage("events", live=live, clock=clock)
        self._stays: dict[str, Stay] = {}
        self._full_s: float | None = None  # when the disk was last full
        self._sized_s: float | None = None  # when the size was last looked at
        self._clock_read: tuple[float, float] | None = None  # the monotonic clock, and how far the wall clock is ahead

    def __repr__(self) -> str:
        return f"<EventWriter {self._database!r} visits={len(self._stays)}>"

    @property
    def lost(self) -> int:
        """Visits for which the disk had no room."""
        return self._outage.lost

    def open(self) -> None:
        self._database.open()

    def close(self) -> None:
        """Write what waits. Visits that are still here end with the program, at their last update."""
        stays = list(self._stays.values())
        self._stays.clear()
        try:
            with self._outage.full_disk_tolerated():
                self._save_last(stays)
        finally:
            self._database.close()

    def write(self, item: Change) -> None:
        """Take one change, and write what is due.

        Raises `SinkError` if the database cannot be written; `DiskFull` if the disk is full and the source is a file.
        """
        stay = self._stays.setdefault(item.change.visit.id, Stay(item))
        stay.take(item)
        self.idle()

    def idle(self) -> None:
        """Write what is due, and remove what is too old or too much."""
        now_s = self._clock()
        if self._full_s is not None and now_s - self._full_s < AFTER_FULL_S:
            return
        self._look_at_clock(now_s)
        if any(stay.is_due(now_s) for stay in self._stays.values()):
            self._full_s = now_s
            self._outage.attempt(partial(self._save_changed, now_s))

    def _save_changed(self, now_s: float) -> None:
        """All that has changed in one commit, not only what is due: a commit costs more than what is in it."""
        changed = [stay for stay in self._stays.values() if stay.changed]
        try:
            self._save(changed)
        except DiskFull as error:
            error.lost = self._drop_excess()
            raise
        for stay in changed:
            stay.note_saved(now_s)
            if stay.is_over:
                del self._stays[stay.visit.id]
        self._full_s = None
        self._keep_size(now_s)

    def _save_last(self, stays: Sequence[Stay]) -> None:
        for stay in stays:
            stay.visit = replace(stay.visit, ended=True)
        try:
            if stays:
                self._save(stays)
        except DiskFull as error:
            error.lost = len(stays)
            raise

    def _drop_excess(self) -> int:
        """Forget the oldest visits that wait if there are too many; returns how many."""
        excess = list(self._stays)[: max(0, len(self._stays) - MOST_WAITING)]
        for id_ in excess:
            del self._stays[id_]
        return len(excess)

    def _save(self, stays: Sequence[Stay]) -> None:
        """Raises `DiskFull` and `SinkError`."""
        pictures = {
            stay.visit.id: self._save_picture(stay.visit.id, stay.picture) for stay in stays if stay.picture is not None
        }
        records = [stay.record(self._source, self._wall_s) for stay in stays]
        self._attempt(lambda: self._database.put(records, pictures))

    def _attempt(self, write: Callable[[], object]) -> None:
        """``write()``. Raises `DiskFull` and `SinkError`."""
        before = bytes_written()
        try:
            self._on_sound_database(write)
        except sqlite3.Error as error:
            message = f"{self._database.path}: cannot be written: {error}"
            raise DiskFull(message, lost=0) if is_passing(error) else SinkError(message) from error
        except OSError as error:
            raise write_error(f"{self._database.path}: cannot be written", error, lost=0) from error
        finally:
            self._count(bytes_written() - before)

    def _on_sound_database(self, write: Callable[[], object]) -> None:
        """``write()``; where it finds that the database is damaged, a second time in a new one."""
        try:
            write()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            self._database.begin_anew()
            write()

    def _save_picture(self, visit_id: str, content: bytes) -> Picture:
        path = picture_file(self._database.path, visit_id)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with SyncedFile(path, count=self._count) as file:
                file.write(content)
                file.take_final_name()
        except OSError as error:
            raise write_error(f"{path}: cannot write this picture", error, lost=0) from error
        return Picture(path, len(content))

    def _keep_size(self, now_s: float) -> None:
        if self._sized_s is None or now_s - self._sized_s >= LIMITS_S:
            self._sized_s = now_s
            self._attempt(lambda: self._database.shrink_to(self._size_bytes))

    def _look_at_clock(self, now_s: float) -> None:
        """Remove old visits, but only if the wall clock has not jumped for an hour: it may be wrong by a year."""
        if self._clock_read is not None and now_s - self._clock_read[0] < CLOCK_S:
            return
        ahead_s = self._wall_s(round(now_s * 1e9)) - now_s
        last, self._clock_read = self._clock_read, (now_s, ahead_s)
        if last is not None and abs(ahead_s - last[1]) < LARGEST_JUMP_S:
            oldest_s = now_s + ahead_s - self._days * DAY_S
            self._outage.attempt(lambda: self._attempt(lambda: self._database.remove_before(oldest_s)))
