"""Which visits a viewer asks for: the part of an address behind the question mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from edge_detector.errors import ConfigError
from edge_detector.events.index import Filter, Moment

T = TypeVar("T")

HOURS = 24


@dataclass(frozen=True, slots=True)
class VisitQuery:
    """``day=2026-11-29&hour=14&camera=porch&class=person&zone=door&score=0.6&kept=yes&before=...``.

    What is None does not count.
    """

    day: date | None = None  # of this machine's time zone; None: the newest with a visit
    hour: int | None = None
    camera: str | None = None
    label: str | None = None
    zone: str | None = None
    score: float | None = None
    kept: bool | None = None
    before: Moment | None = None  # the last visit of the page before

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> VisitQuery:
        """Names that are not known do not count. Raises `ConfigError` for a value that cannot be used."""
        return cls(
            day=_read(given, "day", date.fromisoformat, "a date such as 2026-11-29"),
            hour=_read(given, "hour", _hour, "an hour from 0 to 23"),
            camera=given.get("camera") or None,
            label=given.get("class") or None,
            zone=given.get("zone") or None,
            score=_read(given, "score", _score, "a fraction from 0 to 1"),
            kept=True if given.get("kept") == "yes" else None,
            before=_read(given, "before", _moment, "the before of an answer"),
        )

    def filter(self, day: date) -> Filter:
        """The visits of that day that are asked for, all hours or one."""
        since_s, until_s = day_limits(day) if self.hour is None else _hour_limits(day, self.hour)
        return Filter(
            began_since_s=since_s,
            began_until_s=until_s,
            source=self.camera,
            label=self.label,
            zone=self.zone,
            score=self.score,
            kept=self.kept,
        )

    def of_all_hours(self) -> VisitQuery:
        """The same for the whole day."""
        return replace(self, hour=None)


def day_limits(day: date) -> tuple[float, float]:
    """When the day begins and the next one, in this machine's time zone; seconds since 1970."""
    return _local_s(day, 0), _local_s(day + timedelta(days=1), 0)


def _hour_limits(day: date, hour: int) -> tuple[float, float]:
    return _local_s(day, hour), _local_s(day, hour + 1) if hour + 1 < HOURS else day_limits(day)[1]


def _local_s(day: date, hour: int) -> float:
    return datetime.combine(day, time(hour)).astimezone().timestamp()


def _read(given: Mapping[str, str], name: str, read: Callable[[str], T], expected: str) -> T | None:
    text = given.get(name, "")
    if not text:
        return None
    try:
        return read(text)
    except (ValueError, OverflowError):
        raise ConfigError(f"{name} is {text!r}; expected {expected}") from None


def _hour(text: str) -> int:
    hour = int(text)
    if not 0 <= hour < HOURS:
        raise ValueError(text)
    return hour


def _score(text: str) -> float:
    score = float(text)
    if not 0 <= score <= 1:
        raise ValueError(text)
    return score


def _moment(text: str) -> Moment:
    started_s, _, id_ = text.partition("_")
    return Moment(float(started_s), id_)
