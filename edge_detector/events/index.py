"""Questions to the database of visits; it may be written at the same time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from edge_detector.errors import ConfigError
from edge_detector.events import schema, writer_lock
from edge_detector.events.record import CUT_OFF, HERE, KEPT, Crossing, Link, VisitRecord

# What visits can be counted by, and what stands for it in SQL; times are those of this machine's time zone.
GROUPS = {
    "hour": "strftime('%H:00', started_s, 'unixepoch', 'localtime')",
    "day": "strftime('%Y-%m-%d', started_s, 'unixepoch', 'localtime')",
    "class": "label",
    "zone": "zones.name",
}


class Moment(NamedTuple):
    """When a visit began, and its id: where visits are in the order of their beginning."""

    started_s: float
    id: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which visits; None: all."""

    since_s: float | None = None  # last seen then or later; seconds since 1970
    until_s: float | None = None  # last seen before
    label: str | None = None
    zone: str | None = None
    began_since_s: float | None = None  # began then or later
    began_until_s: float | None = None  # began before
    score: float | None = None  # its best score is that or higher
    kept: bool | None = None  # True: only those that somebody keeps
    source: str | None = None  # of this camera

    def where(self) -> tuple[str, list[object]]:
        """The condition in SQL, and its values."""
        conditions = {
            "seen_s >= ?": self.since_s,
            "seen_s < ?": self.until_s,
            "label = ?": self.label,
            "EXISTS (SELECT 1 FROM zones WHERE visit_id = visits.id AND name = ?)": self.zone,
            "started_s >= ?": self.began_since_s,
            "started_s < ?": self.began_until_s,
            "score >= ?": self.score,
            "kept = ?": self.kept,
            "source = ?": self.source,
        }
        given = {text: value for text, value in conditions.items() if value is not None}
        return " AND ".join(given) or "1", list(given.values())


class Index:
    """Reads the database ``path``. ``with open_index(path) as index: index.visits()``."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def __repr__(self) -> str:
        return f"<Index {str(self.path)!r}>"

    def visits(self, which: Filter = Filter()) -> list[VisitRecord]:
        """The visits in the order of their arrival. One whose run died is cut off at its last update."""
        condition, values = which.where()
        question = f"SELECT * FROM visits WHERE {condition} ORDER BY sequence"
        return self._records(self._connection.execute(question, values).fetchall())

    def visit(self, id_: str) -> VisitRecord | None:
        """The visit of that id; None: there is none."""
        records = self._records(self._connection.execute("SELECT * FROM visits WHERE id = ?", (id_,)).fetchall())
        return records[0] if records else None

    def newest(self, which: Filter, *, limit: int, before: Moment | None = None) -> list[VisitRecord]:
        """At most ``limit`` visits, the one that began last first; only those ``before`` another one."""
        condition, values = which.where()
        if before is not None:
            condition, values = f"{condition} AND (started_s, id) < (?, ?)", [*values, *before]
        question = f"SELECT * FROM visits WHERE {condition} ORDER BY started_s DESC, id DESC LIMIT ?"
        return self._records(self._connection.execute(question, (*values, limit)).fetchall())

    def starts_beside(self, since_s: float, until_s: float) -> tuple[float | None, float | None]:
        """When the last visit before that time began, and the first one after it; None: there is none."""
        (earlier,) = self._connection.execute("SELECT max(started_s) FROM visits WHERE started_s < ?", (since_s,))
        (later,) = self._connection.execute("SELECT min(started_s) FROM visits WHERE started_s >= ?", (until_s,))
        return earlier[0], later[0]

    def counts_by_hour(self, which: Filter) -> list[tuple[int, str, int]]:
        """How many visits of each class began in each hour of the day: hour, class, number."""
        condition, values = which.where()
        hour = "CAST(strftime('%H', started_s, 'unixepoch', 'localtime') AS INTEGER)"
        question = f"SELECT {hour} AS hour, label, count(*) FROM visits WHERE {condition} GROUP BY hour, label"
        return [tuple(row) for row in self._connection.execute(question, values)]

    def labels_of(self, which: Filter) -> list[str]:
        """The classes of some visits."""
        condition, values = which.where()
        question = f"SELECT DISTINCT label FROM visits WHERE {condition} ORDER BY label"
        return [label for (label,) in self._connection.execute(question, values)]

    def sources_of(self, which: Filter) -> list[str]:
        """The cameras of some visits."""
        condition, values = which.where()
        question = f"SELECT DISTINCT source FROM visits WHERE {condition} ORDER BY source"
        return [source for (source,) in self._connection.execute(question, values)]

    def zones_of(self, which: Filter) -> list[str]:
        """The zones of some visits."""
        condition, values = which.where()
        question = f"""SELECT DISTINCT zones.name FROM visits JOIN zones ON zones.visit_id = visits.id
            WHERE {condition} ORDER BY zones.name"""
        return [name for (name,) in self._connection.execute(question, values)]

    def paths(self, which: Filter, *, limit: int) -> list[list[list[float]]]:
        """The paths of at most ``limit`` visits, those that began last; each point is seconds, x, y."""
        condition, values = which.where()
        question = f"SELECT path FROM visits WHERE {condition} ORDER BY started_s DESC, id DESC LIMIT ?"
        return [json.loads(path) for (path,) in self._connection.execute(question, (*values, limit))]

    def _records(self, rows: list[sqlite3.Row]) -> list[VisitRecord]:
        ids = [str(row["id"]) for row in rows]
        zones, files = self._by_visit("zones", ids), self._by_visit("files", ids)
        written = writer_lock.is_taken(self.path)
        return [self._record(row, zones.get(row["id"], []), files.get(row["id"], []), written=written) for row in rows]

    def counts(self, by: str, which: Filter = Filter()) -> dict[str, int]:
        """How many visits began in each hour of the day, on each day, or are of each class, or of each zone."""
        condition, values = which.where()
        join = "JOIN zones ON zones.visit_id = visits.id" if by == "zone" else ""
        question = f"SELECT {GROUPS[by]} AS part, count(*) FROM visits {join} WHERE {condition} GROUP BY part"
        return dict(self._connection.execute(question, values).fetchall())

    def labels(self) -> list[str]:
        """Every class of which there is a visit."""
        return [label for (label,) in self._connection.execute("SELECT DISTINCT label FROM visits ORDER BY label")]

    def zones(self) -> list[str]:
        """Every zone in which there was a visit."""
        return [name for (name,) in self._connection.execute("SELECT DISTINCT name FROM zones ORDER BY name")]

    def _by_visit(self, table: str, ids: list[str]) -> dict[str, list[sqlite3.Row]]:
        """The rows of ``table`` by the id of their visit."""
        question = f"SELECT * FROM {table} WHERE visit_id IN (SELECT value FROM json_each(?))"
        found: dict[str, list[sqlite3.Row]] = {}
        for row in self._connection.execute(question, (json.dumps(ids),)):
            found.setdefault(row["visit_id"], []).append(row)
        return found

    def _record(
        self, row: sqlite3.Row, zones: list[sqlite3.Row], files: list[sqlite3.Row], *, written: bool
    ) -> VisitRecord:
        """``written``: a program writes now, so that an open visit is one that is here."""
        x1, y1, x2, y2 = json.loads(row["box"])
        return VisitRecord(
            **{name: row[name] for name in ("id", "source", "label", "score", "started_s", "seen_s")},
            box=(x1, y1, x2, y2),
            size=(row["width"], row["height"]),
            path=tuple((seconds, x, y) for seconds, x, y in json.loads(row["path"])),
            zones={each["name"]: each["seconds"] for each in zones},
            crossings=tuple(Crossing(*each) for each in json.loads(row["crossings"])),
            stationary=bool(row["stationary"]),
            kept=bool(row["kept"]),
            state=CUT_OFF if row["state"] == HERE and not written else row["state"],
            files=self._links({each["kind"]: each["path"] for each in files}),
        )

    def _links(self, paths: Mapping[str, str]) -> dict[str, Link]:
        """By kind. Of a file that is gone, its second name if somebody keeps the visit."""
        links = {kind: self._link(path) for kind, path in paths.items()}
        own = {kind: link for kind, link in links.items() if not kind.startswith(KEPT)}
        return {kind: links.get(f"{KEPT}{kind}", link) if link.gone else link for kind, link in own.items()}

    def _link(self, path: str) -> Link:
        file = self.path.parent / path
        return Link(file, gone=not file.exists())


@contextmanager
def open_index(path: Path) -> Iterator[Index]:
    """The database ``path``, which is only read.

    Raises `ConfigError` if it is missing, damaged, or of a newer or an older version.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file; --sink events:{path} writes it")
    try:
        with closing(_connection(path)) as connection:
            _check_version(connection, path)
            yield Index(path, connection)
    except sqlite3.Error as error:
        raise ConfigError(f"{path}: cannot read this database: {error}") from None


def _connection(path: Path) -> sqlite3.Connection:
    """Without a write-ahead log nobody writes, and SQLite needs no right to make one."""
    mode = "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True)
    connection.row_factory = sqlite3.Row
    return connection


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = schema.check_version(connection, path)
    if version < len(schema.MIGRATIONS):
        raise ConfigError(
            f"{path}: an earlier edge-detector has written this database (version {version}, this program reads "
            f"{len(schema.MIGRATIONS)}); it is brought up to date when --sink events:{path} opens it"
        )
