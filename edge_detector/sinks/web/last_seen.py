"""When each visit that goes on was last found: the database knows it up to five minutes late of what stands still."""

from __future__ import annotations

import time

from edge_detector.events.record import HERE, MISSED_S, VisitRecord
from edge_detector.sinks.record import wall_clock_s
from edge_detector.types import Result


class LastSeen:
    """Takes each result; any thread may call both methods."""

    def __init__(self) -> None:
        self._seen_ns: dict[str, int] = {}  # by the visit's id; time.monotonic_ns() clock

    def __repr__(self) -> str:
        return f"<LastSeen {len(self._seen_ns)} visits>"

    def add(self, result: Result) -> None:
        """Take what has changed of the visits."""
        for change in result.visits:
            visit = change.visit
            if visit.ended:
                self._seen_ns.pop(visit.id, None)
            else:
                self._seen_ns[visit.id] = visit.seen_ns

    def of(self, record: VisitRecord) -> float | None:
        """When a visit that goes on was last found, in seconds since 1970, if that is over `MISSED_S` ago."""
        if record.state != HERE:
            return None
        seen_ns = self._seen_ns.get(record.id)
        seen_s = record.seen_s if seen_ns is None else wall_clock_s(seen_ns)
        return seen_s if wall_clock_s(time.monotonic_ns()) - seen_s > MISSED_S else None
