"""Who is in which zone now, told by the changes of visits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from edge_detector.types import VisitChange


class Inside:
    """The visits that are in each zone."""

    def __init__(self) -> None:
        self._labels: dict[str, dict[str, str]] = {}  # by zone, by the visit's id

    def __repr__(self) -> str:
        return f"<Inside {self.counts()}>"

    def take(self, changes: Iterable[VisitChange]) -> None:
        """Follow the changes."""
        for change in changes:
            self._follow(change)

    def counts(self) -> dict[str, dict[str, int]]:
        """By zone and label, without zeros."""
        return {zone: dict(Counter(visits.values())) for zone, visits in self._labels.items()}

    def _follow(self, change: VisitChange) -> None:
        visit = change.visit
        if change.kind == "entered":
            self._labels.setdefault(change.place, {})[visit.id] = visit.label
        elif change.kind == "left":
            self._labels.get(change.place, {}).pop(visit.id, None)
        for visits in self._labels.values():
            if visit.ended:
                visits.pop(visit.id, None)
            elif visit.id in visits:
                visits[visit.id] = visit.label
