"""The database of visits, as the program that detects writes it."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import quote

from edge_detector.errors import SinkError
from edge_detector.events import schema, writer_lock
from edge_detector.events.place import picture_file, picture_folder
from edge_detector.events.record import CUT_OFF, HERE, PICTURE, VisitRecord
from edge_detector.resource import Resource

log = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 5.0  # for another program that writes
LINK_TIMEOUT_S = 0.5  # the same for who only links a file: a film must not wait for long
LOG_BYTES = 4 * 10**6  # of SQLite's write-ahead log, beside the database
AT_ONCE = 100  # oldest visits removed in one step when the size is exceeded
LEAST_REMOVED = 100  # by age in one step; more if 1 % of all visits are more
REMOVED_SHARE = 100

FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# A full disk, a worn one that has become read-only, and a program that holds the database: all may pass.
PASSING = FULL | {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN}

PUT = """
    INSERT INTO visits (id, source, label, score, box, width, height, started_s, seen_s, path, crossings, stationary,
        state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET label = excluded.label, score = excluded.score, box = excluded.box,
        started_s = excluded.started_s, seen_s = excluded.seen_s, path = excluded.path,
        crossings = excluded.crossings, stationary = excluded.stationary, state = excluded.state
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that has been written."""

    path: Path
    size_bytes: int


class FileLink(NamedTuple):
    """A file that another sink has written, and the visit that it belongs to."""

    visit_id: str
    kind: str  # clip or snapshot
    path: Path  # absolute


class Database(Resource):
    """Holds one record for each visit; a record that comes again replaces the one with its id.

    One thread at a time may use it. Methods that write raise `sqlite3.Error`; `is_passing` and `is_damage` tell what
    it means, and `begin_anew` mends damage.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[bytes] | None = None
        self._connection: sqlite3.Connection | None = None
        self._file_id: tuple[int, int] | None = None  # of the file that the connection writes

    def __repr__(self) -> str:
        return f"<Database {str(self.path)!r} {'open' if self._connection else 'closed'}>"

    def open(self) -> None:
        """Make what is missing, move a damaged database aside, migrate an old one, end the visits of a dead run.

        On a full disk, what cannot be done now is done at the first write that finds room. Raises `SinkError` if the
        file cannot be made or another program writes to it, `ConfigError` for a database of a newer version.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = writer_lock.take(self.path)
        except SinkError:
            raise
        except OSError as error:
            raise SinkError(f"{self.path}: cannot make this file: {error.strerror}") from error
        try:
            self._connect_or_begin_anew()
        except sqlite3.Error as error:
            self._disconnect()
            if _primary_code(error) not in FULL:
                self.close()
                raise SinkError(f"{self.path}: cannot open this database: {error}") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._disconnect()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def put(self, records: Iterable[VisitRecord], pictures: Mapping[str, Picture]) -> None:
        """Write all ``records``, and the ``pictures`` by the id of their visits, in one commit."""
        with self._connected as connection:
            for record in records:
                connection.execute(PUT, _row(record))
                connection.executemany(
                    "INSERT OR REPLACE INTO zones VALUES (?, ?, ?)",
                    [(record.id, name, round(seconds, 1)) for name, seconds in record.zones.items()],
                )
            for visit_id, picture in pictures.items():
                _link(connection, visit_id, PICTURE, self._relative(picture.path), picture.size_bytes)

    def link(self, visit_id: str, kind: str, path: Path) -> None:
        """Say that the file ``path`` belongs to a visit; ``kind`` is ``clip`` or ``snapshot``."""
        with self._connected as connection:
            _link_next(connection, FileLink(visit_id, kind, path.absolute()))

    def remove_before(self, time_s: float) -> int:
        """Remove the oldest visits while they were last seen before ``time_s``; returns how many are removed.

        Those that somebody keeps stay. At most 1 % of all, or `LEAST_REMOVED`: a clock that is wrong for an hour does
        not cost everything.
        """
        (rows,) = self._connected.execute("SELECT count(*) FROM visits").fetchone()
        most = max(LEAST_REMOVED, rows // REMOVED_SHARE)
        oldest = self._connected.execute(
            "SELECT id, seen_s, state FROM visits WHERE NOT kept ORDER BY sequence LIMIT ?", (most,)
        )
        return self._remove([id_ for id_, seen_s, state in oldest if seen_s < time_s and state != HERE])

    def shrink_to(self, limit_bytes: int) -> int:
        """Remove the oldest visits that nobody keeps until all fits into ``limit_bytes``; returns how many."""
        removed = 0
        while self.size_bytes > limit_bytes:
            oldest = self._connected.execute(
                "SELECT id FROM visits WHERE state != ? AND NOT kept ORDER BY sequence LIMIT ?", (HERE, AT_ONCE)
            )
            step = self._remove([id_ for (id_,) in oldest])
            if not step:
                break
            removed += step
        return removed

    @property
    def size_bytes(self) -> int:
        """Of the database, the largest write-ahead log, and the pictures."""
        ((pages,), (page_bytes,), (pictures,)) = (
            self._connected.execute(question).fetchone()
            for question in ("PRAGMA page_count", "PRAGMA page_size", "SELECT total(size_bytes) FROM files")
        )
        return int(pages * page_bytes + pictures) + LOG_BYTES

    def begin_anew(self) -> None:
        """Move a damaged database aside, and begin a new one."""
        self._disconnect()
        log.warning("%s: damaged; moved to %s, and a new one begins", self.path, _moved_aside(self.path))
        self._connect()

    @property
    def _connected(self) -> sqlite3.Connection:
        """The connection; made now if the disk was full when the database was opened, or the file is gone since."""
        assert self._lock is not None, "used outside of with"
        if self._lock.closed:
            self._take_lock()
        if self._connection is not None and self._file_id != _file_id(self.path):
            self._leave_lost_file(self._connection)
        if self._connection is None:
            self._connect_or_begin_anew()
        assert self._connection is not None
        return self._connection

    def _leave_lost_file(self, connection: sqlite3.Connection) -> None:
        """Somebody has deleted the file, or moved it: what is written into it now, nobody would find.

        Raises `sqlite3.OperationalError` while another program reads it, and `OSError` if no new one can be made.
        """
        _empty_log(connection)
        log.warning("%s: somebody has deleted or moved this database; a new one begins", self.path)
        self._disconnect()
        self._take_lock()

    def _take_lock(self) -> None:
        """Take the lock anew, for its file may be gone, too, and the folder with it."""
        if self._lock is not None:
            self._lock.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = writer_lock.take(self.path)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # a full disk: the write-ahead log stays, and nothing is lost
                connection.close()

    def _connect_or_begin_anew(self) -> None:
        """Raises `sqlite3.Error`, and `ConfigError` for a database of a newer version."""
        try:
            self._connect()
        except sqlite3.Error as error:
            self._disconnect()
            if not is_damage(error):
                raise
            self.begin_anew()

    def _connect(self) -> None:
        # Opened by one thread, used and closed by another one, never by two at a time.
        self._connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
        schema.check_version(self._connection, self.path)  # first: a newer database is left as it is
        for setting in (
            "auto_vacuum = INCREMENTAL",  # before the first table: a file that has shrunk gives its room back
            "journal_mode = WAL",  # readers do not wait, and a killed program leaves all that is committed
            "synchronous = NORMAL",  # one sync for many commits; a power cut may cost the last ones, never the database
            f"journal_size_limit = {LOG_BYTES}",
        ):
            self._connection.execute(f"PRAGMA {setting}")
        _check_health(self._connection)
        schema.migrate(self._connection, self.path)
        self._file_id = _file_id(self.path)
        with self._connection:
            self._connection.execute("UPDATE visits SET state = ? WHERE state = ?", (CUT_OFF, HERE))

    def _remove(self, ids: list[str]) -> int:
        """Remove visits, with their pictures. Files of other sinks stay: those have limits of their own."""
        rows = [(id_,) for id_ in ids]
        if not rows:
            return 0
        pictures = [picture_file(self.path, id_) for id_ in ids]
        with self._connected as connection:
            connection.executemany("DELETE FROM visits WHERE id = ?", rows)
            connection.executemany("DELETE FROM zones WHERE visit_id = ?", rows)
            connection.executemany("DELETE FROM files WHERE visit_id = ?", rows)
        for path in pictures:
            path.unlink(missing_ok=True)
        self._connected.executescript("PRAGMA incremental_vacuum")  # execute() gives back one page only
        return len(rows)

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self.path.parent))


def link_files(database: Path, links: Iterable[FileLink]) -> None:
    """Say in the ``database``, which another thread or program writes, which files belong to which visits.

    The visits may come later. Raises `sqlite3.Error`, after `LINK_TIMEOUT_S` at the latest if another one holds it.
    """
    with brief_write(database, timeout_s=LINK_TIMEOUT_S) as connection:
        for link in links:
            _link_next(connection, link)


@contextmanager
def brief_write(database: Path, *, timeout_s: float) -> Iterator[sqlite3.Connection]:
    """One commit to a database that another thread or program writes; what raises leaves it as it was.

    Raises `sqlite3.Error`, after ``timeout_s`` at the latest if another one holds it, or if there is none.
    """
    address = f"file:{quote(str(database.absolute()))}?mode=rw"  # rw: no new one where there is none
    with closing(sqlite3.connect(address, uri=True, timeout=timeout_s, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = NORMAL")  # as the writer has it
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is no database, or a broken one."""
    return _primary_code(error) in DAMAGED


def is_passing(error: sqlite3.Error) -> bool:
    """Whether a later attempt may work: the disk is full, or another program holds the database."""
    return _primary_code(error) in PASSING


def _primary_code(error: sqlite3.Error) -> int:
    """The low byte; the others say more (https://www.sqlite.org/rescode.html)."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _empty_log(connection: sqlite3.Connection) -> None:
    """Write what is only in the write-ahead log into the database, wherever that is now.

    Raises `sqlite3.OperationalError` if another program reads it: a new database would get the old one's log.
    """
    try:
        is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error:  # its disk is gone
        return
    if is_busy:
        error = sqlite3.OperationalError("it was deleted or moved while another program reads it")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error


def _file_id(path: Path) -> tuple[int, int] | None:
    """Which file ``path`` is now; None: there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _check_health(connection: sqlite3.Connection) -> None:
    """Raises `sqlite3.DatabaseError` if a page is broken."""
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        error = sqlite3.DatabaseError(verdict)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _moved_aside(path: Path) -> Path:
    """Where the database ``path`` is now; its write-ahead log and its pictures go with it."""
    endings = ("damaged", *(f"damaged-{number}" for number in range(2, 1000)))
    names = (path.with_stem(f"{path.stem}.{ending}") for ending in endings)
    aside = next(each for each in names if not each.exists())
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    with suppress(FileNotFoundError):
        picture_folder(path).rename(picture_folder(aside))
    return aside


def _link(connection: sqlite3.Connection, visit_id: str, kind: str, path: str, size_bytes: int) -> None:
    connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (visit_id, kind, path, size_bytes))


def _link_next(connection: sqlite3.Connection, link: FileLink) -> None:
    """Where the visit has a file of this kind, the further one is ``clip-2``, and so on; the same one stays as it is.

    A long visit, and a parked car that leaves, is on several clips.
    """
    question = "SELECT path FROM files WHERE visit_id = ? AND kind GLOB ?"
    known = [path for (path,) in connection.execute(question, (link.visit_id, f"{link.kind}*"))]
    if str(link.path) not in known:
        kind = f"{link.kind}-{len(known) + 1}" if known else link.kind
        _link(connection, link.visit_id, kind, str(link.path), 0)


def _row(record: VisitRecord) -> tuple[object, ...]:
    return (
        *(record.id, record.source, record.label, round(record.score, 4)),
        *(_compact([round(edge, 1) for edge in record.box]), *record.size),
        *(round(record.started_s, 3), round(record.seen_s, 3)),
        _compact([[round(seconds, 1), round(x, 3), round(y, 3)] for seconds, x, y in record.path]),
        _compact([[line, direction, round(after_s, 1)] for line, direction, after_s in record.crossings]),
        *(record.stationary, record.state),
    )


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
