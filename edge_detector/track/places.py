"""Zones, lines and masks as they are configured: checked when they are made, read from TOML and written as TOML.

Coordinates are fractions of the picture: x from 0 at its left to 1 at its right, y from 0 at its top to 1 at its
bottom, so that they hold for every picture size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.hours import Hours
from edge_detector.options import Seconds, option
from edge_detector.registry import unknown
from edge_detector.toml import to_toml

Points = tuple[tuple[float, float], ...]  # x, y from 0 to 1

SHORTEST = 1e-4  # of the picture: less than a pixel of most cameras, so such a line or polygon is a slip of the hand
MASK_KINDS = {
    "ignore": "nothing is detected there",
    "privacy": "black before anything sees the picture",
}


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the picture. An object is in it when the lower middle of its box is: where it stands on the ground.

    Raises `ConfigError` for a value that cannot be used.
    """

    name: str = option(MISSING, "what events call it")
    polygon: Points = option(MISSING, "its corners in order")
    classes: tuple[str, ...] = option((), "labels of the objects that count here; empty: all")
    min_size: float = option(0.0, "an object counts if its box has at least this share of the picture's height")
    dwell: Seconds = option(0.0, "say once that an object has stayed for this long; 0: never")
    hours: Hours | None = option(None, "watched only at these hours, such as 22:00-06:00; none: always")

    def __post_init__(self) -> None:
        _check_name("zone", self.name)
        _check_polygon(str(self), self.polygon)
        _check_fraction(str(self), "min_size", self.min_size)

    def __str__(self) -> str:
        return f"zone {self.name!r}"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that objects cross with the lower middle of their boxes, from its left side to its right side or back.

    Left and right are those of somebody who looks at the picture from the first point to the second. Raises
    `ConfigError` for a value that cannot be used.
    """

    name: str = option(MISSING, "what events call it")
    points: Points = option(MISSING, "its two ends")
    classes: tuple[str, ...] = option((), "labels of the objects that count here; empty: all")
    min_size: float = option(0.0, "an object counts if its box has at least this share of the picture's height")
    hours: Hours | None = option(None, "watched only at these hours, such as 22:00-06:00; none: always")
    directions: tuple[str, ...] = option(
        ("in", "out"), "the word for a crossing from left to right, and the one for right to left"
    )
    only: str = option("", "the one direction that counts, of directions; none: both")

    def __post_init__(self) -> None:
        _check_name("line", self.name)
        _check_line(str(self), self.points)
        _check_fraction(str(self), "min_size", self.min_size)
        _check_directions(str(self), self.directions, self.only)

    def __str__(self) -> str:
        return f"line {self.name!r}"


@dataclass(frozen=True, slots=True)
class Mask:
    """A part of the picture that is left out. Raises `ConfigError` for a value that cannot be used."""

    polygon: Points = option(MISSING, "its corners in order")
    kind: str = option(MISSING, "; ".join(f"{kind}: {meaning}" for kind, meaning in MASK_KINDS.items()))

    def __post_init__(self) -> None:
        if self.kind not in MASK_KINDS:
            raise ConfigError(unknown("kind of mask", self.kind, MASK_KINDS))
        _check_polygon(f"{self.kind} mask", self.polygon)


Place = Zone | Line
TABLES: dict[str, type[Zone | Line | Mask]] = {"zones": Zone, "lines": Line, "masks": Mask}  # by their names in TOML


@dataclass(frozen=True, slots=True)
class Places:
    """The zones and lines of one camera. Raises `ConfigError` if two have one name."""

    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()

    def __post_init__(self) -> None:
        seen: dict[str, Place] = {}
        for place in self:
            if place.name in seen:
                raise ConfigError(
                    f"{seen[place.name]} and {place} have one name; "
                    "events call them by it, so each zone and line needs a name of its own: rename one"
                )
            seen[place.name] = place

    def __iter__(self) -> Any:
        return iter((*self.zones, *self.lines))

    def __len__(self) -> int:
        return len(self.zones) + len(self.lines)


def check_classes(places: Iterable[Place], labels: Sequence[str]) -> None:
    """Raises `ConfigError` for a class of a zone or line that the model, whose classes are ``labels``, lacks."""
    for place in places:
        for label in place.classes:
            if label not in labels:
                raise ConfigError(f"{place}: the model has no such class: {unknown('class', label, set(labels))}")


def as_toml(name: str, places: Iterable[Zone | Line | Mask]) -> str:
    """``places`` as TOML tables that begin with ``[[name]]``, without the values that are the default."""
    return "\n".join(f"[[{name}]]\n{to_toml(to_table(place))}" for place in places)


def to_table(place: Zone | Line | Mask) -> dict[str, Any]:
    """The values of ``place`` that are not the default, as TOML and JSON can hold them."""
    values = ((item, getattr(place, item.name)) for item in fields(place))
    return {
        item.name: str(value) if isinstance(value, Hours) else value for item, value in values if _said(item, value)
    }


def _said(item: Field[Any], value: Any) -> bool:
    return bool(item.default is MISSING or value != item.default)


def _check_name(kind: str, name: str) -> None:
    if not name or not name.isprintable() or name != name.strip():
        raise ConfigError(f"a {kind} has the name {name!r}; expected a word or two on one line, such as 'door'")


def _check_fraction(where: str, name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(f"{where}: {name} is {value:g}; expected a share of the picture's height from 0 to 1")


def _check_polygon(where: str, polygon: Points) -> None:
    if len(polygon) < 3:
        raise ConfigError(f"{where}: its polygon has {_points(len(polygon))}; expected three or more")
    _check_inside(where, polygon)
    _check_each_once(where, polygon)
    import numpy as np  # late, as the next: what has no polygon, such as --help, does not wait for it

    from edge_detector.polygon import crossing_edges, is_flat

    corners = np.array(polygon)
    if is_flat(corners, tolerance=SHORTEST):
        raise ConfigError(f"{where}: its polygon has no area: all points lie on one line; move one away from it")
    if crossing := crossing_edges(corners):
        first, second = (f"the edge from {_edge(polygon, number)}" for number in crossing)
        raise ConfigError(f"{where}: its polygon crosses itself: {first} meets {second}; list the corners in order")


def _check_line(where: str, points: Points) -> None:
    if len(points) != 2:
        raise ConfigError(f"{where}: it has {_points(len(points))}; expected two, its ends")
    _check_inside(where, points)
    (x1, y1), (x2, y2) = points
    if max(abs(x1 - x2), abs(y1 - y2)) < SHORTEST:
        raise ConfigError(f"{where}: it has no length: both points are {_text(points[0])}; move one of them")


def _check_inside(where: str, points: Points) -> None:
    for number, point in enumerate(points, start=1):
        if not all(0 <= value <= 1 for value in point):
            raise ConfigError(
                f"{where}: point {number} is {_text(point)}, outside the picture; "
                "expected fractions of its width and height, from 0 to 1"
            )


def _check_each_once(where: str, polygon: Points) -> None:
    for number, point in enumerate(polygon):
        if point in polygon[:number]:
            raise ConfigError(
                f"{where}: points {polygon.index(point) + 1} and {number + 1} are both {_text(point)}; "
                "write each corner once: the last is joined to the first"
            )


def _check_directions(where: str, directions: tuple[str, ...], only: str) -> None:
    if len(set(directions)) != 2 or len(directions) != 2:
        raise ConfigError(f"{where}: directions is {', '.join(directions) or 'empty'}; expected two different words")
    if only and only not in directions:
        raise ConfigError(f"{where}: only: {unknown('direction', only, directions)}")


def _edge(polygon: Points, number: int) -> str:
    return f"{_text(polygon[number])} to {_text(polygon[(number + 1) % len(polygon)])}"


def _points(count: int) -> str:
    return f"{count} point{'' if count == 1 else 's'}"


def _text(point: tuple[float, float]) -> str:
    return f"[{point[0]:g}, {point[1]:g}]"
