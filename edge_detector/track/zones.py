"""What happens at zones and lines: objects enter, leave, stay and cross, each counted once.

Boxes tremble, even those of things that stand still, and now and then one jumps for a single picture. So nothing
counts that was seen only once:

* An object enters a zone when all looks for `SETTLED_S`, and so two at least, have shown it inside, and leaves
  likewise. Who is in must go out by `LEAVING_MARGIN` of the box's size.
* An object crosses a line when all looks for `CROSSED_S`, and so two at least, have shown it on one side, and later as
  many on the other. Near the line, closer than `BAND` of the box's size, it counts as still being where it was.

Positions that are held, not found, count for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_detector import polygon
from edge_detector.boxes import lower_middles
from edge_detector.track.places import Line, Place, Places, Points, Zone
from edge_detector.types import Box, Size

SETTLED_S = 0.5  # a box that trembles at the edge of a zone does so faster
CROSSED_S = 0.1  # shorter: who walks through a door is soon out of the picture
LEAVING_MARGIN = 0.05  # of the box's size
BAND = 0.1  # of the box's size, on each side of a line: what a box of something at rest trembles by

_Point = NDArray[np.float64]  # (2,) x, y in pixels


class Observed(NamedTuple):
    """One tracked object in one frame."""

    track_id: int
    label: str
    box: Box
    held: bool = False  # not found in this frame


class Happening(NamedTuple):
    """What an object has done at a place."""

    track_id: int
    kind: str  # "entered", "left", "stayed" or "crossed"
    place: str  # the zone's or the line's name
    direction: str = ""  # of a crossing, in the line's own word


class PlaceWatch:
    """The zones and lines of one camera, and which object is where."""

    def __init__(self, places: Places, *, now: Callable[[], datetime] = datetime.now) -> None:
        """``now`` reads the local wall clock, for places that are watched at some hours only."""
        self._now = now
        self._watches: dict[str, _Watch] = {place.name: _watch(place) for place in places}

    def __repr__(self) -> str:
        return f"<PlaceWatch: {', '.join(str(watch.place) for watch in self._watches.values()) or 'no places'}>"

    def update(self, objects: Sequence[Observed], timestamp_ns: int, frame_size: Size) -> list[Happening]:
        """What has happened with this frame: who has left comes before who has entered."""
        seen = [each for each in objects if not each.held]
        if not seen or not self._watches:
            return []
        look = _Look.of(seen, timestamp_ns, frame_size)
        time = self._now()
        happenings = [each for watch in self._watches.values() for each in watch.see(look, time)]
        return sorted(happenings, key=lambda each: each.kind != "left")

    def forget(self, track_id: int) -> list[Happening]:
        """The object has gone: it leaves its zones. Ask `seconds_in` before."""
        return [each for watch in self._watches.values() for each in watch.forget(track_id)]

    def seconds_in(self, track_id: int) -> dict[str, float]:
        """The zones in which the object has been, and for how long altogether, up to when it was last seen inside."""
        seconds = {name: watch.seconds(track_id) for name, watch in self._watches.items()}
        return {name: value for name, value in seconds.items() if value is not None}

    def replace(self, places: Places) -> list[Happening]:
        """Watch ``places`` from now on; those that stay where they are keep their objects.

        Returns who leaves a zone because it is no longer there, or somewhere else now.
        """
        before = self._watches
        named = ((place, before.get(place.name)) for place in places)
        kept = {place.name: watch for place, watch in named if watch is not None and watch.take(place)}
        gone = [watch for name, watch in before.items() if name not in kept]
        self._watches = {place.name: kept.get(place.name) or _watch(place) for place in places}
        return [each for watch in gone for each in watch.forget_all()]


class _Watch(Protocol):
    """One place, and where each object is relative to it."""

    @property
    def place(self) -> Place: ...
    def take(self, place: Place) -> bool:
        """Watch ``place`` from now on, with the same objects; False, and nothing changes, if it is somewhere else."""
        ...

    def see(self, look: _Look, time: datetime) -> Iterator[Happening]: ...
    def forget(self, track_id: int) -> list[Happening]: ...
    def forget_all(self) -> list[Happening]: ...
    def seconds(self, track_id: int) -> float | None: ...


def _watch(place: Place) -> _Watch:
    return _ZoneWatch(place) if isinstance(place, Zone) else _LineWatch(place)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What one frame shows of N objects, in pixels."""

    objects: Sequence[Observed]
    feet: NDArray[np.float64]  # (N, 2) the lower middle of each box
    heights: NDArray[np.float64]  # (N,) of the boxes, as shares of the picture's
    sizes: NDArray[np.float64]  # (N,) the side of a square as large as the box
    timestamp_ns: int
    frame_size: Size

    @classmethod
    def of(cls, objects: Sequence[Observed], timestamp_ns: int, frame_size: Size) -> _Look:
        boxes = np.array([each.box for each in objects], np.float64)
        sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
        heights, sizes = sides[:, 1] / frame_size[1], np.sqrt(sides.prod(axis=1))
        return cls(objects, lower_middles(boxes).astype(np.float64), heights, sizes, timestamp_ns, frame_size)

    def pixels(self, points: Points) -> NDArray[np.float64]:
        """(M, 2) fractions of the picture as pixels of the frame."""
        return np.array(points, np.float64) * self.frame_size


class _Settled:
    """A value that changes only when another one was seen for a while, without a break.

    One look lasts for no time, so it takes two at least.
    """

    __slots__ = ("_candidate", "_settle_ns", "_since_ns", "value")

    def __init__(self, value: int, settle_s: float) -> None:
        self.value = value
        self._settle_ns = int(settle_s * 1e9)
        self._candidate, self._since_ns = value, 0

    def see(self, value: int, timestamp_ns: int) -> int | None:
        """The time stamp of the first look at ``value`` if it has replaced the former value now, else None."""
        if value != self._candidate:
            self._candidate, self._since_ns = value, timestamp_ns
        if value == self.value or timestamp_ns - self._since_ns < self._settle_ns:
            return None
        self.value = value
        return self._since_ns


@dataclass(slots=True)
class _Stay:
    """One object and one zone."""

    inside: _Settled
    entered_ns: int = 0  # the first look at it inside, of the present stay
    seen_ns: int = 0  # the newest
    before_ns: int = 0  # how long earlier stays took together
    entries: int = 0
    has_stayed: bool = False  # for the dwell time; said once a stay

    def enter(self, since_ns: int) -> None:
        self.entered_ns, self.has_stayed = since_ns, False
        self.entries += 1

    def leave(self) -> None:
        self.before_ns += self.seen_ns - self.entered_ns

    @property
    def seconds(self) -> float:
        """Of all stays together."""
        return (self.before_ns + (self.seen_ns - self.entered_ns if self.inside.value else 0)) / 1e9


class _ZoneWatch:
    def __init__(self, zone: Zone) -> None:
        self.place = zone
        self._stays: dict[int, _Stay] = {}

    def take(self, place: Place) -> bool:
        if not isinstance(place, Zone) or place.polygon != self.place.polygon:
            return False
        self.place = place
        return True

    def see(self, look: _Look, time: datetime) -> Iterator[Happening]:
        is_open = _is_watched_at(self.place, time)
        depths = polygon.depths(look.pixels(self.place.polygon), look.feet)
        rows = zip(look.objects, depths.tolist(), look.heights.tolist(), look.sizes.tolist(), strict=True)
        for each, depth, height, size in rows:
            stay = self._stays.setdefault(each.track_id, _Stay(_Settled(False, SETTLED_S)))
            margin = LEAVING_MARGIN * size if stay.inside.value else polygon.ON_THE_EDGE
            # Who is in does not leave because the label changes or the box becomes smaller.
            counts = stay.inside.value or _is_wanted(self.place, each.label, height)
            yield from self._see_one(stay, each.track_id, bool(is_open and counts and depth >= -margin), look)

    def _see_one(self, stay: _Stay, track_id: int, inside: bool, look: _Look) -> Iterator[Happening]:
        since_ns = stay.inside.see(inside, look.timestamp_ns)
        if since_ns is not None and inside:
            stay.enter(since_ns)
            yield Happening(track_id, "entered", self.place.name)
        if since_ns is not None and not inside:
            stay.leave()
            yield Happening(track_id, "left", self.place.name)
        if inside:
            stay.seen_ns = look.timestamp_ns
        if stay.inside.value and inside and not stay.has_stayed and self._is_long(look.timestamp_ns - stay.entered_ns):
            stay.has_stayed = True
            yield Happening(track_id, "stayed", self.place.name)

    def _is_long(self, duration_ns: int) -> bool:
        return 0 < self.place.dwell * 1e9 <= duration_ns

    def forget(self, track_id: int) -> list[Happening]:
        stay = self._stays.pop(track_id, None)
        return [Happening(track_id, "left", self.place.name)] if stay and stay.inside.value else []

    def forget_all(self) -> list[Happening]:
        return [each for track_id in list(self._stays) for each in self.forget(track_id)]

    def seconds(self, track_id: int) -> float | None:
        stay = self._stays.get(track_id)
        return stay.seconds if stay and stay.entries else None


@dataclass(slots=True)
class _Passage:
    """One object and one line."""

    side: _Settled  # 1: right of the line, -1: left, 0: not known yet
    foot: _Point  # where it was found last
    is_right: bool  # of the line, there
    is_between: bool = False  # when it passed the endless line last, that was between the ends of this one

    def move(self, foot: _Point, *, is_right: bool, start: _Point, end: _Point) -> None:
        """It is at ``foot`` now; the line goes from ``start`` to ``end``."""
        if is_right != self.is_right:
            self.is_between = bool(polygon.segments_meet(start, end, self.foot[None], foot[None])[0])
        self.foot, self.is_right = foot, is_right


class _LineWatch:
    def __init__(self, line: Line) -> None:
        self.place = line
        self._passages: dict[int, _Passage] = {}

    def take(self, place: Place) -> bool:
        if not isinstance(place, Line) or place.points != self.place.points:
            return False
        self.place = place
        return True

    def see(self, look: _Look, time: datetime) -> Iterator[Happening]:
        is_open = _is_watched_at(self.place, time)
        start, end = look.pixels(self.place.points)
        away = polygon.sides(start, end, look.feet) / np.linalg.norm(end - start)
        rows = zip(look.objects, look.feet, away.tolist(), look.heights.tolist(), look.sizes.tolist(), strict=True)
        for each, foot, distance, height, size in rows:
            first = _Passage(_Settled(0, CROSSED_S), foot, distance >= 0)
            passage = self._passages.setdefault(each.track_id, first)
            passage.move(foot, is_right=distance >= 0, start=start, end=end)
            direction = self._crossed(passage, distance, BAND * size, look.timestamp_ns)
            if direction and is_open and _is_wanted(self.place, each.label, height):
                yield Happening(each.track_id, "crossed", self.place.name, direction)

    def _crossed(self, passage: _Passage, distance: float, band: float, timestamp_ns: int) -> str:
        """The direction in which the line has been crossed now, if it is one that counts; else empty."""
        before = passage.side.value
        side = before if abs(distance) <= band else int(np.sign(distance))
        if passage.side.see(side, timestamp_ns) is None or not before or not passage.is_between:
            return ""
        direction = self.place.directions[0 if side > 0 else 1]
        return direction if self.place.only in ("", direction) else ""

    def forget(self, track_id: int) -> list[Happening]:
        self._passages.pop(track_id, None)
        return []

    def forget_all(self) -> list[Happening]:
        self._passages.clear()
        return []

    def seconds(self, track_id: int) -> float | None:  # noqa: ARG002 - the zones' method
        return None


def _is_wanted(place: Place, label: str, height: float) -> bool:
    return height >= place.min_size and (not place.classes or label in place.classes)


def _is_watched_at(place: Place, time: datetime) -> bool:
    return place.hours is None or place.hours.include(time)
