"""The tables of the database, and how those of an earlier version become those of this one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge_detector.errors import ConfigError

# One script for each version, in order. A published script never changes: a new version is a new script.
MIGRATIONS = (
    """
    CREATE TABLE visits (
        sequence INTEGER PRIMARY KEY,  -- the order of arrival; it stays right when the machine's clock does not
        id TEXT NOT NULL UNIQUE,
        source TEXT NOT NULL,
        label TEXT NOT NULL,
        score REAL NOT NULL,
        box TEXT NOT NULL,        -- JSON: x1, y1, x2, y2
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        started_s REAL NOT NULL,
        seen_s REAL NOT NULL,
        path TEXT NOT NULL,       -- JSON: seconds, x, y of each point
        crossings TEXT NOT NULL,  -- JSON: line, direction, seconds of each
        stationary INTEGER NOT NULL,
        state INTEGER NOT NULL    -- 0 here, 1 ended, 2 cut off
    );
    CREATE INDEX visits_by_time ON visits (seen_s);
    CREATE INDEX visits_here ON visits (sequence) WHERE state = 0;
    CREATE TABLE zones (
        visit_id TEXT NOT NULL,
        name TEXT NOT NULL,
        seconds REAL NOT NULL,
        PRIMARY KEY (visit_id, name)
    ) WITHOUT ROWID;
    CREATE TABLE files (
        visit_id TEXT NOT NULL,
        kind TEXT NOT NULL,       -- picture, clip, snapshot
        path TEXT NOT NULL,       -- relative to the folder of the database, or absolute
        size_bytes INTEGER NOT NULL,
        PRIMARY KEY (visit_id, kind)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE visits ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;  -- 1: neither age nor size removes it
    CREATE INDEX visits_by_start ON visits (started_s, id);
    """,
)


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the database, at most that of this program.

    Raises `ConfigError` for a newer one.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise ConfigError(
            f"{path}: a newer edge-detector has written this database (version {version}; this program knows up to "
            f"{len(MIGRATIONS)}); install that edge-detector again, or give another file"
        )
    return int(version)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables to this version; what is in them stays.

    Raises `ConfigError` for a database of a newer version.
    """
    first = check_version(connection, path)
    for version, script in enumerate(MIGRATIONS[first:], first + 1):
        # One version's script as a whole or not at all.
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {version}; COMMIT;")
