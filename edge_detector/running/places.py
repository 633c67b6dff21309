"""The zones, lines and masks of the run: used by the pipeline, and replaced from the web page while it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from edge_detector.config import Config
from edge_detector.errors import ConfigError
from edge_detector.mask import Masks
from edge_detector.options import convert
from edge_detector.registry import unknown
from edge_detector.track.places import TABLES, Line, Mask, Place, Places, Zone, check_classes, to_table
from edge_detector.types import Frame, Result, VisitChange

COUNTED = ("entered", "crossed")  # kinds of `VisitChange`


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One state of everything, so that no frame is looked at with half of a change."""

    places: Places
    masks: tuple[Mask, ...]
    applied: Masks

    def in_words(self) -> str:
        """``2 zones, 1 line, no masks``."""
        numbers = {"zone": len(self.places.zones), "line": len(self.places.lines), "mask": len(self.masks)}
        return ", ".join(f"{number or 'no'} {kind}{'' if number == 1 else 's'}" for kind, number in numbers.items())


class Count(NamedTuple):
    """What is counted: objects of one class that entered a zone, or crossed a line in one direction."""

    place: str
    label: str
    direction: str = ""  # of a line


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """How often objects have entered a zone or crossed a line since the run began."""

    place: Place
    numbers: Mapping[Count, int]  # of this place; what has never happened may be missing

    @property
    def directions(self) -> tuple[str, ...]:
        """The words for the directions that count at a line; of a zone one that is empty."""
        if isinstance(self.place, Zone):
            return ("",)
        return (self.place.only,) if self.place.only else self.place.directions


class LivePlaces:
    """What is drawn on the picture now, and what has been counted there.

    `replace` and `use` may be called from any thread; the next frame uses what they bring.
    """

    def __init__(self, config: Config, labels: Callable[[], tuple[str, ...]]) -> None:
        """``labels()``: the classes of the model, which may get other names. Raises `ConfigError` for one it lacks."""
        self._labels = labels
        self._drawn = self._checked(config.places, config.masks)
        self._counts: Counter[Count] = Counter()  # also of places that are gone, in case they come back

    def __repr__(self) -> str:
        return f"<LivePlaces {self._drawn.in_words()}>"

    @property
    def places(self) -> Places:
        """The zones and lines; another object after each change."""
        return self._drawn.places

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """All of it as TOML and JSON can hold it, by the kinds zones, lines and masks."""
        drawn = self._drawn
        everything: dict[str, tuple[Zone | Line | Mask, ...]] = {
            "zones": drawn.places.zones,
            "lines": drawn.places.lines,
            "masks": drawn.masks,
        }
        return {kind: [to_table(each) for each in places] for kind, places in everything.items()}

    def replace(self, tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """Use what ``tables`` say instead; a kind that is missing becomes empty.

        Raises `ConfigError` and changes nothing if any of it cannot be used.
        """
        self._drawn = self._read(tables)

    def check(self, tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """Raises `ConfigError` if `replace` would; changes nothing."""
        self._read(tables)

    def use(self, config: Config) -> str:
        """Use the places and masks of ``config`` instead; returns what is drawn now, in words, if it is something else.

        Raises `ConfigError` and changes nothing if any of it cannot be used.
        """
        before, self._drawn = self._drawn, self._checked(config.places, config.masks)
        return "" if (before.places, before.masks) == (config.places, config.masks) else self._drawn.in_words()

    def counted(self, results: Iterable[Result]) -> Iterator[Result]:
        """The same results; what their visits do at zones and lines is counted first."""
        for result in results:
            self.count(result)
            yield result

    def count(self, result: Result) -> None:
        """Count what the visits of one result do at zones and lines."""
        self._counts.update(_count(change) for change in result.visits if change.kind in COUNTED)

    def counts(self) -> list[PlaceCount]:
        """What has been counted at each zone and line of now, by its name, however often it was moved meanwhile."""
        counted = dict(self._counts)  # a copy: `counted` may run meanwhile
        return [_of_place(place, counted) for place in self.places]

    def _read(self, tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> _Drawn:
        for kind in tables:
            if kind not in TABLES:
                raise ConfigError(unknown("kind of place", kind, TABLES))
        zones, lines, masks = (
            convert(tuple[kind, ...], list(tables.get(name, ())), where=name)  # type: ignore[valid-type]
            for name, kind in TABLES.items()
        )
        return self._checked(Places(zones, lines), masks)

    def hidden(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames with privacy masks painted black: the first thing that is done to a picture."""
        return (self._drawn.applied.privacy(frame) for frame in frames)

    def without_ignored(self, results: Iterable[Result]) -> Iterator[Result]:
        """The results without what is in ignore masks, and without privacy masks that the model takes for an object."""
        return map(self.look_away, results)

    def look_away(self, result: Result) -> Result:
        """One result without them."""
        masks, found = self._drawn.applied, result.detections
        if not (masks.ignoring or masks.private) or not len(found):
            return result
        boxes, size = found.boxes, result.frame.size
        return replace(result, detections=found[~(masks.ignored(boxes, size) | masks.hidden(boxes, size))])

    def _checked(self, places: Places, masks: tuple[Mask, ...]) -> _Drawn:
        check_classes(places, self._labels())
        return _Drawn(places, masks, Masks.of(masks))


def _count(change: VisitChange) -> Count:
    return Count(change.place, change.visit.label, change.direction)


def _of_place(place: Place, counted: Mapping[Count, int]) -> PlaceCount:
    """Without what was counted under words that the place no longer has for its directions."""
    directions = PlaceCount(place, {}).directions
    own = {count: number for count, number in counted.items() if count.place == place.name}
    return PlaceCount(place, {count: number for count, number in own.items() if count.direction in directions})
