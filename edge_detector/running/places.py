"""The zones, lines and masks of the run: used by the pipeline, and replaced from the web page while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from edge_detector.config import Config
from edge_detector.errors import ConfigError
from edge_detector.mask import Masks
from edge_detector.options import convert
from edge_detector.registry import unknown
from edge_detector.track.places import TABLES, Line, Mask, Places, Zone, check_classes, to_table
from edge_detector.types import Frame, Result


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One state of everything, so that no frame is looked at with half of a change."""

    places: Places
    masks: tuple[Mask, ...]
    applied: Masks


class LivePlaces:
    """What is drawn on the picture now. `replace` may be called from any thread; the next frame uses it."""

    def __init__(self, config: Config, labels: tuple[str, ...]) -> None:
        """Raises `ConfigError` for a class that the model, whose classes are ``labels``, lacks."""
        self._labels = labels
        self._drawn = self._checked(config.places, config.masks)

    def __repr__(self) -> str:
        drawn = self._drawn
        return f"<LivePlaces {len(drawn.places)} zones and lines, {len(drawn.masks)} masks>"

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
        for kind in tables:
            if kind not in TABLES:
                raise ConfigError(unknown("kind of place", kind, TABLES))
        zones, lines, masks = (
            convert(tuple[kind, ...], list(tables.get(name, ())), where=name)  # type: ignore[valid-type]
            for name, kind in TABLES.items()
        )
        self._drawn = self._checked(Places(zones, lines), masks)

    def hidden(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames with privacy masks painted black: the first thing that is done to a picture."""
        return (self._drawn.applied.privacy(frame) for frame in frames)

    def without_ignored(self, results: Iterable[Result]) -> Iterator[Result]:
        """The results without what is found in ignore masks."""
        return map(self._without_ignored, results)

    def _without_ignored(self, result: Result) -> Result:
        masks, found = self._drawn.applied, result.detections
        if not masks.ignoring or not len(found):
            return result
        return replace(result, detections=found[~masks.ignored(found.boxes, result.frame.size)])

    def _checked(self, places: Places, masks: tuple[Mask, ...]) -> _Drawn:
        check_classes(places, self._labels)
        return _Drawn(places, masks, Masks.of(masks))
