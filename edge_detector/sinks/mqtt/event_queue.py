"""Messages that must arrive, in a file: they outlive a broker that is away, and the run."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from edge_detector.resource import Resource

log = logging.getLogger(__name__)

IN_MEMORY = ":memory:"
SCHEMA = "CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, topic TEXT, body TEXT)"


class Event(NamedTuple):
    """One message that waits."""

    id: int  # grows
    topic: str
    body: str


class EventQueue(Resource):
    """At most ``most`` messages; more push out the oldest, which counts as ``lost``. One thread at a time may use it.

    What is put in is there after a crash of the program. After a power cut the newest may be missing: to wait for the
    disk with every message would wear out a card. Where the file cannot be used, the queue is in memory.
    """

    def __init__(self, path: Path, *, most: int) -> None:
        self.path = path
        self.lost = 0
        self._most = most
        self._connection: sqlite3.Connection | None = None
        self._waiting = 0
        self.newest = 0  # the last number that was given; it also grows from one file to the next

    def __len__(self) -> int:
        return self._waiting

    def __repr__(self) -> str:
        return f"<EventQueue {str(self.path)!r} waiting={self._waiting} lost={self.lost}>"

    def open(self) -> None:
        """Make the file, or find what an earlier run has left in it. A damaged one is moved aside."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connect(str(self.path))
        except (sqlite3.Error, OSError) as error:
            self._begin_anew(error)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def put(self, topic: str, body: str) -> None:
        """Add one message. Never raises: if the file fails, the queue goes on in memory."""
        try:
            self._insert(topic, body)
        except sqlite3.Error as error:
            self._go_on_in_memory(error)
            self._insert(topic, body)

    def after(self, id_: int, *, most: int) -> list[Event]:
        """Up to ``most`` messages that came after the one with this number, in order."""
        query = "SELECT id, topic, body FROM events WHERE id > ? ORDER BY id LIMIT ?"
        return [Event(*row) for row in self._rows(query, (id_, most))]

    def remove(self, ids: Iterable[int]) -> None:
        """These have arrived."""
        with self._open as connection:
            done = connection.executemany("DELETE FROM events WHERE id = ?", [(id_,) for id_ in ids])
        self._waiting -= max(0, done.rowcount)

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connect(IN_MEMORY)
        assert self._connection is not None
        return self._connection

    def _connect(self, file: str) -> None:
        """Raises `sqlite3.Error`."""
        self.close()
        connection = sqlite3.connect(file, timeout=1.0, check_same_thread=False)  # opened by one, used by another
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            with connection:
                connection.execute(SCHEMA)
            ((self._waiting, newest),) = connection.execute("SELECT count(*), max(id) FROM events")
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection
        self.newest = max(self.newest, newest or 0)

    def _insert(self, topic: str, body: str) -> None:
        with self._open as connection:
            connection.execute("INSERT INTO events VALUES (?, ?, ?)", (self.newest + 1, topic, body))
            self.newest += 1
            self._waiting += 1
            if self._waiting > self._most:
                connection.execute("DELETE FROM events WHERE id = (SELECT min(id) FROM events)")
                self._waiting -= 1
                self._count_lost()

    def _count_lost(self) -> None:
        if self.lost == 0:
            log.warning("mqtt: more than %d messages wait for the broker; the oldest are lost", self._most)
        self.lost += 1

    def _rows(self, query: str, values: tuple[int, ...]) -> list[tuple[int, str, str]]:
        try:
            return self._open.execute(query, values).fetchall()
        except sqlite3.Error as error:
            self._go_on_in_memory(error)
            return []

    def _begin_anew(self, error: Exception) -> None:
        """With a new file if the old one is damaged, else in memory."""
        damaged = getattr(error, "sqlite_errorcode", 0) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
        if not damaged:
            self._go_on_in_memory(error)
            return
        aside = self.path.with_name(f"{self.path.name}.damaged")
        log.warning("%s: is damaged: %s; it is now %s, and a new one begins", self.path, error, aside.name)
        try:
            self.path.replace(aside)
            self._connect(str(self.path))
        except (sqlite3.Error, OSError) as again:
            self._go_on_in_memory(again)

    def _go_on_in_memory(self, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or error
        log.warning("%s: cannot be used: %s; messages wait in memory, until the end of the run", self.path, reason)
        self._connect(IN_MEMORY)
