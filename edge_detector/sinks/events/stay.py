"""A visit that goes on, and what of it is not on the disk yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_detector.events.record import ENDED, HERE, STATIONARY_UPDATE_S, UPDATE_S, Crossing, VisitRecord
from edge_detector.image_files import encode_jpeg
from edge_detector.types import Size, VisitChange

MOST_POINTS = 100  # of a path
PICTURE_QUALITY = 80


class Change(NamedTuple):
    """What has changed of a visit, with the picture if this frame has its best one."""

    change: VisitChange
    size: Size  # of the frame
    picture: NDArray[np.uint8] | None  # (h, w, 3) BGR, small
    camera: str = ""  # the name of one of several


class Stay:
    """A visit that goes on, and what of it is not on the disk yet."""

    def __init__(self, change: Change) -> None:
        self.visit = change.change.visit
        self.size = change.size
        self.camera = change.camera
        self.crossings: tuple[Crossing, ...] = ()
        self.picture: bytes | None = None  # JPEG: many visits may wait for a full disk
        self.saved_s: float | None = None  # when it was last written; None: never
        self._saved_stationary = False  # whether it stood still then
        self.changed = True
        self.is_over = False  # the last change came: a visit that ends in a zone leaves it first, and has ended by then

    def __repr__(self) -> str:
        return f"<Stay {self.visit!r} {'changed' if self.changed else 'saved'}>"

    def take(self, change: Change) -> None:
        """Take one change."""
        kind, self.visit, place, direction, _ = change.change
        self.changed = True
        self.is_over = kind == "ended"
        if kind == "crossed":
            self.crossings += (Crossing(place, direction, self.visit.duration_s),)
        if change.picture is not None:
            self.picture = encode_jpeg(change.picture, quality=PICTURE_QUALITY)

    def is_due(self, now_s: float) -> bool:
        """Whether it is time to write it: at its start, at its end, and from time to time in between."""
        if not self.changed:
            return False
        # Until it is written that it does not move, readers expect a write each ten seconds.
        pause_s = STATIONARY_UPDATE_S if self.visit.stationary and self._saved_stationary else UPDATE_S
        return self.saved_s is None or self.is_over or now_s - self.saved_s >= pause_s

    def note_saved(self, now_s: float) -> None:
        """All that is known of it is written."""
        self.changed, self.picture, self.saved_s = False, None, now_s
        self._saved_stationary = self.visit.stationary

    def record(self, source: str, wall_s: Callable[[int], float]) -> VisitRecord:
        """As it goes into the database, where the name of a camera is its source.

        ``wall_s`` gives the date of a moment on the monotonic clock.
        """
        visit = self.visit
        seen_s = wall_s(visit.seen_ns)  # asked once: between two answers the clock may jump
        return VisitRecord(
            id=visit.id,
            source=self.camera or source,
            label=visit.label,
            score=visit.score,
            box=visit.best_box,
            size=self.size,
            started_s=seen_s - visit.duration_s,
            seen_s=seen_s,
            path=thinned(visit.path),
            zones=visit.zones,
            crossings=self.crossings,
            stationary=visit.stationary,
            state=ENDED if visit.ended else HERE,
        )


def thinned(path: Sequence[tuple[float, float, float]]) -> tuple[tuple[float, float, float], ...]:
    """At most `MOST_POINTS` of a path, evenly chosen, with the first and the last."""
    if len(path) <= MOST_POINTS:
        return tuple(path)
    return tuple(path[round(number)] for number in np.linspace(0, len(path) - 1, MOST_POINTS))
