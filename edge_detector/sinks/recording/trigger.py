"""Decides when an object starts a recording, and how long its visit keeps one going."""

from __future__ import annotations

from collections.abc import Iterable

from edge_detector.errors import ConfigError
from edge_detector.registry import unknown
from edge_detector.types import Result, Visit, VisitChange


class Wanted:
    """The classes that a sink records: ``wanted("dog")`` says whether that is one of them."""

    def __init__(self, classes: Iterable[str], labels: tuple[str, ...], *, where: str) -> None:
        """``classes``: the wanted labels, none means all; ``where`` they are set, for the error.

        Raises `ConfigError` for a class that the model does not have.
        """
        self._classes = frozenset(classes)
        for label in sorted(self._classes - set(labels)):
            raise ConfigError(f"{where}: {unknown('class', label, labels)}")

    def __call__(self, label: str) -> bool:
        return not self._classes or label in self._classes


class Trigger:
    """Fires for a wanted class, then not again for the same class until ``cooldown_s`` has passed.

    It is for results without visits: photographs, and ``--no-track``. Photographs have no common time line, so there
    is no cooldown between them: each fires.
    """

    def __init__(self, classes: Iterable[str], labels: tuple[str, ...], *, where: str, cooldown_s: float = 0.0) -> None:
        """Raises `ConfigError` as `Wanted` does."""
        self.wanted = Wanted(classes, labels, where=where)
        self._cooldown_ns = round(cooldown_s * 1e9)
        self._fired_ns: dict[str, int] = {}

    def __call__(self, result: Result) -> tuple[str, ...]:
        """The labels that fire on ``result``, the highest score first. Times are those of the frames, not the clock."""
        now_ns = result.frame.timestamp_ns
        seen = dict.fromkeys(detection.label for detection in result.detections)
        wanted = tuple(label for label in seen if self.wanted(label))
        if result.frame.file is not None:
            return wanted
        fired = tuple(label for label in wanted if self._cooled_down(label, now_ns))
        self._fired_ns |= dict.fromkeys(fired, now_ns)
        return fired

    def _cooled_down(self, label: str, now_ns: int) -> bool:
        return label not in self._fired_ns or now_ns - self._fired_ns[label] >= self._cooldown_ns


class VisitsInMotion:
    """The wanted visits that keep a film going: they have not ended and are not stationary."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._here: dict[str, Visit] = {}  # by their ids, in the order in which they came
        self.last_seen_ns = 0  # when the last of those that have ended or stopped was seen

    def __len__(self) -> int:
        return len(self._here)

    def __repr__(self) -> str:
        return f"<VisitsInMotion {', '.join(visit.label for visit in self._here.values()) or 'none'}>"

    def take(self, changes: Iterable[VisitChange]) -> tuple[Visit, ...]:
        """Those that are in motion after the ``changes``, or between two of them."""
        moving = dict(self._here)
        for change in changes:
            self._follow(change.visit)
            moving |= self._here
        return tuple(moving.values())

    def _follow(self, visit: Visit) -> None:
        if self._wanted(visit.label) and not (visit.ended or visit.stationary):
            self._here[visit.id] = visit
        elif self._here.pop(visit.id, None) is not None:
            self.last_seen_ns = max(self.last_seen_ns, visit.seen_ns)
