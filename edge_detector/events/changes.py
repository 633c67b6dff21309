"""What people change in the database of visits while another thread or program writes it: keep a visit, remove one."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from enum import Enum
from pathlib import Path

from edge_detector.events.database import brief_write
from edge_detector.events.place import kept_file
from edge_detector.events.record import HERE, KEPT, PICTURE, SNAPSHOT

TIMEOUT_S = 5.0  # the longest time to wait for the writer, whose commits take far less
BESIDE_SNAPSHOT = (".json", ".clean.jpg")  # what the sink snapshots writes beside NAME.jpg


class Outcome(Enum):
    """What has become of a request."""

    DONE = "done"
    MISSING = "missing"  # there is no such visit
    HERE = "here"  # it goes on, so that the next update would bring it back


def keep_visit(database: Path, visit_id: str, *, kept: bool) -> Outcome:
    """Say whether neither age nor size removes a visit and its files. Raises `sqlite3.Error`.

    The files of a kept visit get a second name beside its picture, so that they stay when the sinks that wrote them
    make room. Where that cannot be, on another disk or on FAT, they go with the limits of those sinks.
    """
    with brief_write(database, timeout_s=TIMEOUT_S) as connection:
        if not connection.execute("UPDATE visits SET kept = ? WHERE id = ?", (kept, visit_id)).rowcount:
            return Outcome.MISSING
        (_keep_files if kept else _let_files_go)(connection, database, visit_id)
    return Outcome.DONE


def _keep_files(connection: sqlite3.Connection, database: Path, visit_id: str) -> None:
    question = "SELECT kind, path FROM files WHERE visit_id = ? AND kind != ? AND NOT kind GLOB ?"
    for kind, path in connection.execute(question, (visit_id, PICTURE, f"{KEPT}*")).fetchall():
        second = kept_file(database, visit_id, kind, Path(path).suffix)
        with suppress(OSError):  # it is gone, it has its second name already, or there is no way to give it one
            second.parent.mkdir(exist_ok=True)
            second.hardlink_to(database.parent / path)
        if second.exists():
            row = (visit_id, f"{KEPT}{kind}", str(second.relative_to(database.parent)))
            connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, 0)", row)  # 0: `size` does not count it


def _let_files_go(connection: sqlite3.Connection, database: Path, visit_id: str) -> None:
    which = (visit_id, f"{KEPT}*")
    for (path,) in connection.execute("SELECT path FROM files WHERE visit_id = ? AND kind GLOB ?", which).fetchall():
        with suppress(OSError):  # what stays, nobody finds; better than a visit that cannot be let go
            (database.parent / path).unlink()
    connection.execute("DELETE FROM files WHERE visit_id = ? AND kind GLOB ?", which)


def remove_visit(database: Path, visit_id: str) -> Outcome:
    """Remove a visit that is over, with its picture, clips and snapshot; a file of another visit, too, stays.

    Raises `sqlite3.Error`, and `OSError` if a file cannot be removed; the visit is gone then, and the file is not.
    """
    with brief_write(database, timeout_s=TIMEOUT_S) as connection:
        row = connection.execute("SELECT state FROM visits WHERE id = ?", (visit_id,)).fetchone()
        if row is None:
            return Outcome.MISSING
        if row[0] == HERE:
            return Outcome.HERE
        paths = _own_files(connection, visit_id)
        connection.execute("DELETE FROM visits WHERE id = ?", (visit_id,))
        connection.execute("DELETE FROM zones WHERE visit_id = ?", (visit_id,))
        connection.execute("DELETE FROM files WHERE visit_id = ?", (visit_id,))
    for kind, path in paths:
        _remove_file(kind, database.parent / path)
    return Outcome.DONE


def _own_files(connection: sqlite3.Connection, visit_id: str) -> list[tuple[str, str]]:
    """Kind and path of the files that belong to this visit alone."""
    question = """SELECT kind, path FROM files AS own WHERE visit_id = ?
        AND NOT EXISTS (SELECT 1 FROM files WHERE path = own.path AND visit_id != own.visit_id)"""
    return connection.execute(question, (visit_id,)).fetchall()


def _remove_file(kind: str, path: Path) -> None:
    path.unlink(missing_ok=True)
    for suffix in BESIDE_SNAPSHOT if kind.startswith(SNAPSHOT) else ():
        path.with_suffix(suffix).unlink(missing_ok=True)
