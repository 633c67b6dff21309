"""Visits for tests, and records of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_detector.events.database import Database
from edge_detector.events.record import ENDED, VisitRecord
from edge_detector.types import Result, Visit, VisitChange
from tests import make

SECOND_NS = 1_000_000_000
DAY_S = 86400.0
NOON_S = 1_790_000_000.0


def visit(number: int = 1, *, seen_s: float = 0.0, **values: Any) -> Visit:
    """A person who came at second 0."""
    box = (100.0, 40.0, 180.0, 200.0)
    start = Visit(f"3f9a1c2e-{number}", number, "person", 0, 0, round(seen_s * SECOND_NS), box, 0.8, 0, box)
    return replace(start, **values)


def changed(kind: str, of: Visit, *, place: str = "", direction: str = "") -> Result:
    """A result of the frame in which ``of`` was seen last, with one change."""
    now_ns = of.seen_ns
    result = make.result(round(now_ns / SECOND_NS))
    return replace(
        result, frame=replace(result.frame, timestamp_ns=now_ns), visits=(VisitChange(kind, of, place, direction),)
    )


def record(number: int = 1, *, seen_s: float = NOON_S, **values: Any) -> VisitRecord:
    """A person who was there for ten seconds."""
    box = (100.0, 40.0, 180.0, 200.0)
    start = VisitRecord(f"3f9a1c2e-{number}", "0", "person", 0.8, box, (320, 240), seen_s - 10, seen_s, state=ENDED)
    return replace(start, **values)


def write(path: Path, *records: VisitRecord) -> None:
    """Write a database with ``records``."""
    with Database(path) as database:
        database.put(records, {})
