"""Which visits a film shows, for the database of visits."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edge_detector.events.links import FileLinks
from edge_detector.events.record import CLIP
from edge_detector.types import Visit


class FilmedVisits:
    """Links each film to the visits that it shows, as soon as it shows them and can be played.

    So a visit that goes on has its film already, and one whose run is killed keeps it.
    """

    def __init__(self, links: FileLinks) -> None:
        self._links = links
        self._coming: dict[str, int] = {}  # visits that the present film does not show yet: the frame that will, by id
        self._shown: set[str] = set()  # those that are linked to it
        self._until_ns = 0  # its newest picture

    def __repr__(self) -> str:
        return f"<FilmedVisits {len(self._coming)} coming, {len(self._shown)} shown>"

    def expect(self, visits: Iterable[Visit]) -> None:
        """The present film is of ``visits``; their pictures may still wait to be filmed."""
        for visit in visits:
            if visit.id not in self._shown:
                self._coming.setdefault(visit.id, visit.seen_ns)

    def reach(self, film: Path, timestamp_ns: int) -> None:
        """``film`` has the pictures until ``timestamp_ns`` now."""
        self._until_ns = timestamp_ns
        if self._coming and film.exists():  # before its first second it is NAME.part
            self._link(film)

    def end(self, film: Path) -> None:
        """``film`` is finished, and the next one begins with no visit."""
        if film.exists():
            self._link(film)
        self._coming.clear()
        self._shown.clear()

    def _link(self, film: Path) -> None:
        for visit_id in [id_ for id_, seen_ns in self._coming.items() if seen_ns <= self._until_ns]:
            del self._coming[visit_id]
            self._shown.add(visit_id)
            self._links.add(visit_id, CLIP, film)
