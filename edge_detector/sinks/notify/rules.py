"""Of which visits people are told, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.hours import Hours
from edge_detector.options import Seconds, option
from edge_detector.registry import unknown
from edge_detector.running.context import Context
from edge_detector.sinks.recording.trigger import Wanted
from edge_detector.types import Visit, VisitChange


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyOptions:
    """What all services have in common."""

    classes: tuple[str, ...] = option((), "tell only of these, such as person,dog; none: all classes")
    zones: tuple[str, ...] = option((), "tell only of what enters one of these zones; none: of every visit")
    confidence: float = option(0.0, "tell only of visits whose best score is so high, 0 to 1")
    cooldown: Seconds = option(Seconds(60), "time between two messages about the same class at least")
    quiet: Hours | None = option(None, "hours without messages, such as 22:00-06:00; none: there are none")
    wait: Seconds = option(Seconds(2), "how long a better picture is waited for before a message is sent")
    title: str = option("edge-detector", "which detector speaks; it begins each message")
    keep: int = option(100, "messages that wait for a service that does not answer; more push out the oldest")
    queue: Path | None = option(None, "the folder in which they wait; none: notifications/ in the folder for state")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a number out of range."""
        if not 0 <= self.confidence <= 1:
            raise ConfigError(f"confidence is {self.confidence:g}; expected 0 to 1, such as 0.6")
        if self.keep < 1:
            raise ConfigError(f"keep is {self.keep}; expected 1 or more, such as 100")


class Rules:
    """Says with which change of a visit people are to be told of it: at most once a visit."""

    def __init__(self, options: NotifyOptions, context: Context, *, where: str) -> None:
        """Raises `ConfigError` for a class or zone that is not there."""
        self._wanted = Wanted(options.classes, context.detector.labels, where=where)
        self._zones = frozenset(options.zones)
        self._confidence = options.confidence
        self._cooldown_ns = round(options.cooldown * 1e9)
        self._quiet = options.quiet
        self._decided: set[str] = set()  # ids of visits that go on; a silent one stays so when its quiet hours end
        self._told_ns: dict[str, int] = {}  # when a message about a class was last due
        _check_zones(options.zones, context.zone_names, where=where)

    def __repr__(self) -> str:
        return f"<Rules {len(self._decided)} visits>"

    def apply(self, change: VisitChange, now_ns: int, now: datetime) -> bool:
        """``now_ns`` is the frame's time, ``now`` what the clock on the wall shows."""
        visit = change.visit
        is_new = visit.id not in self._decided and self._concerns(visit)
        if is_new:
            self._decided.add(visit.id)
        if visit.ended:
            self._decided.discard(visit.id)
        return is_new and self._may_speak(visit.label, now_ns, now)

    def _concerns(self, visit: Visit) -> bool:
        in_zone = not self._zones or not self._zones.isdisjoint(visit.zones)
        return self._wanted(visit.label) and in_zone and visit.score >= self._confidence

    def _may_speak(self, label: str, now_ns: int, now: datetime) -> bool:
        told_ns = self._told_ns.get(label)
        cooled_down = told_ns is None or now_ns - told_ns >= self._cooldown_ns
        if not cooled_down or (self._quiet is not None and self._quiet.include(now)):
            return False
        self._told_ns[label] = now_ns
        return True


def _check_zones(zones: Iterable[str], known: Iterable[str], *, where: str) -> None:
    names = sorted(known)
    for name in zones:
        if name not in names:
            raise ConfigError(f"{where}: {unknown('zone', name, names)}")
