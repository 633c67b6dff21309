"""The addresses of the history: the visits of a day, their counts, where they were, and what people change there."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from edge_detector.errors import ConfigError
from edge_detector.events.changes import Outcome, keep_visit, remove_visit
from edge_detector.events.heat import heat
from edge_detector.events.index import Index, open_index
from edge_detector.events.record import CLIP, PICTURE, STATES, VisitRecord
from edge_detector.sinks.record import wall_clock_s
from edge_detector.sinks.web.bodies import json_body
from edge_detector.sinks.web.in_thread import InThread
from edge_detector.sinks.web.last_seen import LastSeen
from edge_detector.sinks.web.visit_files import file_answer, is_shown
from edge_detector.sinks.web.visit_frame import clean_frame_path
from edge_detector.sinks.web.visit_query import VisitQuery, day_limits

log = logging.getLogger(__name__)

T = TypeVar("T")

PAGE_VISITS = 60  # in one answer
HEAT_COLUMNS, HEAT_ROWS = 48, 27
MOST_PATHS = 2000  # in one heat map, the newest: their number bounds the time
OFF = "this detector keeps no visits; the sink events:FOLDER makes it keep them, such as --sink events:."
GONE = "this visit is not here any more"
FILE_GONE = "this file is not here any more"
GOES_ON = "this visit goes on; delete it when it has ended"


class History:
    """Answers requests about past visits. The database is read and written in ``in_thread``."""

    def __init__(self, database: Path | None, in_thread: InThread, last_seen: LastSeen, *, can_mark: bool) -> None:
        """``database``: that of the run's events sink; None: it has none. ``can_mark``: the page keeps mistakes."""
        self._database = database
        self._can_mark = can_mark
        self._in_thread = in_thread
        self._last_seen = last_seen

    def routes(self) -> list[web.RouteDef]:
        """Every address."""
        return [
            web.get("/api/visits", self.visits),
            web.get("/api/visit-counts", self.counts),
            web.get("/api/visit-heat", self.heat),
            web.get("/api/visits/{id}", self.visit),
            web.patch("/api/visits/{id}", self.keep),
            web.delete("/api/visits/{id}", self.remove),
            web.get("/api/visits/{id}/{kind}", self.file),
        ]

    async def visits(self, request: web.Request) -> web.StreamResponse:
        """The visits of a day, the newest first, `PAGE_VISITS` in one answer."""
        return await self._answer(request, partial(visits_page, last_seen=self._last_seen))

    async def counts(self, request: web.Request) -> web.StreamResponse:
        """How many visits of each class began in each hour of the day, and the day's classes and zones."""
        return await self._answer(request, visit_counts)

    async def heat(self, request: web.Request) -> web.StreamResponse:
        """How many paths lead through each cell of a grid over the picture."""
        return await self._answer(request, visit_heat)

    async def visit(self, request: web.Request) -> web.StreamResponse:
        """All that is known of one visit."""
        record = await self._read(lambda index: index.visit(request.match_info["id"]))
        if record is None:
            return _refusal(GONE, 404)
        can_mark = self._can_mark and clean_frame_path(record) is not None
        return web.json_response({**_in_full(record, self._last_seen), "can_mark": can_mark})

    async def file(self, request: web.Request) -> web.StreamResponse:
        """A picture, clip or snapshot of a visit. Its path comes from the database, never from the viewer."""
        record = await self._read(lambda index: index.visit(request.match_info["id"]))
        link = None if record is None else record.files.get(request.match_info["kind"])
        if link is None or link.gone or not is_shown(link.path):
            return _refusal(FILE_GONE, 404)
        return file_answer(link.path)

    async def keep(self, request: web.Request) -> web.StreamResponse:
        """``{"kept": true}``: neither age nor size removes the visit; false: they do."""
        body = await json_body(request)
        try:
            kept = json.loads(body)["kept"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return _refusal('expected an object such as {"kept": true}', 400)
        if not isinstance(kept, bool):
            return _refusal(f"kept is {kept!r}; expected true or false", 400)
        return await self._change(request, partial(keep_visit, kept=kept), "keeps" if kept else "does not keep")

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Removes a visit that is over, with its picture, its clips and its snapshot."""
        return await self._change(request, remove_visit, "deletes")

    async def _answer(
        self, request: web.Request, ask: Callable[[Index, VisitQuery], dict[str, Any]]
    ) -> web.StreamResponse:
        if self._database is None:
            return web.json_response({"on": False, "why": OFF})
        try:
            query = VisitQuery.parse(request.query)
        except ConfigError as error:
            return _refusal(str(error), 400)
        return web.json_response({"on": True, **await self._read(lambda index: ask(index, query))})

    async def _read(self, ask: Callable[[Index], T]) -> T:
        """Raises 404 where no visits are kept, 503 where they cannot be read."""
        database = self._database
        if database is None:
            raise _error(web.HTTPNotFound, OFF)

        def read() -> T:
            with open_index(database) as index:
                return ask(index)

        try:
            return await self._in_thread(read)
        except ConfigError as error:
            raise _error(web.HTTPServiceUnavailable, str(error)) from None

    async def _change(
        self, request: web.Request, change: Callable[[Path, str], Outcome], verb: str
    ) -> web.StreamResponse:
        if self._database is None:
            return _refusal(OFF, 404)
        id_ = request.match_info["id"]
        try:
            outcome = await self._in_thread(partial(change, self._database, id_))
        except (sqlite3.Error, OSError) as error:
            log.warning("web page: %s: cannot be changed: %s", self._database, error)
            return _refusal(f"cannot be changed: {error}", 503)
        if outcome is not Outcome.DONE:
            return _refusal(GONE, 404) if outcome is Outcome.MISSING else _refusal(GOES_ON, 409)
        log.info("web page: %s %s visit %s", request.remote, verb, id_)
        return web.json_response({"id": id_})


def visits_page(index: Index, query: VisitQuery, *, last_seen: LastSeen) -> dict[str, Any]:
    """The visits that are asked for; ``next`` is what to ask for ``before`` to get those that follow, or None."""
    day = query.day or newest_day(index)
    visits = index.newest(query.filter(day), limit=PAGE_VISITS + 1, before=query.before)
    shown, more = visits[:PAGE_VISITS], len(visits) > PAGE_VISITS
    earlier_s, later_s = index.starts_beside(*day_limits(day))
    return {
        "day": day.isoformat(),
        "earlier": None if earlier_s is None else _day_of(earlier_s).isoformat(),
        "later": None if later_s is None else _day_of(later_s).isoformat(),
        "visits": [_in_brief(each, last_seen) for each in shown],
        "next": f"{shown[-1].started_s!r}_{shown[-1].id}" if more else None,
    }


def visit_counts(index: Index, query: VisitQuery) -> dict[str, Any]:
    """Counts of the visits that are asked for, but of all hours; the names to choose from are of the whole day."""
    day = query.day or newest_day(index)
    whole = VisitQuery().filter(day)
    return {
        "day": day.isoformat(),
        "counts": [
            {"hour": hour, "class": label, "visits": number}
            for hour, label, number in index.counts_by_hour(query.of_all_hours().filter(day))
        ],
        "cameras": index.sources_of(whole),
        "classes": index.labels_of(whole),
        "zones": index.zones_of(whole),
    }


def visit_heat(index: Index, query: VisitQuery) -> dict[str, Any]:
    """``rows`` of the grid from the top to the bottom, each with its cells from left to right."""
    paths = index.paths(query.filter(query.day or newest_day(index)), limit=MOST_PATHS)
    cells = heat(paths, columns=HEAT_COLUMNS, rows=HEAT_ROWS)
    return {"rows": cells.tolist(), "visits": len(paths)}


def newest_day(index: Index) -> date:
    """The newest day with a visit; today if there is none at all."""
    newest_s, _ = index.starts_beside(float("inf"), float("inf"))
    return _day_of(wall_clock_s(time.monotonic_ns()) if newest_s is None else newest_s)


def _day_of(time_s: float) -> date:
    return _local(time_s).date()


def _local(time_s: float) -> datetime:
    """In this machine's time zone."""
    return datetime.fromtimestamp(time_s).astimezone()


def _in_brief(record: VisitRecord, last_seen: LastSeen) -> dict[str, Any]:
    """What the list shows of a visit, ready for JSON; ``last_seen``: only of one that is not found any more."""
    picture, seen = record.files.get(PICTURE), last_seen.of(record)
    return {
        "id": record.id,
        "source": record.source,
        "class": record.label,
        "score": round(record.score, 3),
        "started": _local(record.started_s).isoformat(timespec="seconds"),
        "duration_s": round(record.duration_s, 1),
        "zones": dict(record.zones),
        "state": STATES[record.state],
        **({} if seen is None else {"last_seen": _local(seen).isoformat(timespec="seconds")}),
        "kept": record.kept,
        "picture": picture is not None and not picture.gone,
        "clip": any(not link.gone for link in record.files_of(CLIP)),
    }


def _in_full(record: VisitRecord, last_seen: LastSeen) -> dict[str, Any]:
    width, height = record.size
    kinds = sorted(record.files, key=lambda kind: (not kind.startswith(CLIP), len(kind), kind))
    return {
        **_in_brief(record, last_seen),
        "ended": _local(record.seen_s).isoformat(timespec="seconds"),
        "stationary": record.stationary,
        "width": width,
        "height": height,
        "path": [list(point) for point in record.path],
        "crossings": [crossing._asdict() for crossing in record.crossings],
        "files": [
            {"kind": kind, "name": record.files[kind].path.name, "gone": record.files[kind].gone}
            for kind in kinds
            if is_shown(record.files[kind].path)
        ],
    }


def _refusal(why: str, status: int) -> web.Response:
    return web.json_response({"error": why}, status=status)


def _error(kind: type[web.HTTPException], why: str) -> web.HTTPException:
    return kind(text=json.dumps({"error": why}), content_type="application/json")
