"""What a sink knows of its run, and the two things it may do: change the thresholds, and end the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from edge_detector.cameras import Camera
from edge_detector.config import Config
from edge_detector.running.meter import Meter
from edge_detector.running.model_change import ModelChanges
from edge_detector.running.places import PlaceCount
from edge_detector.types import Result, Thresholds


class Adjustable(Protocol):
    """The detector as sinks see it: its name, runtime and labels, and what they may read or replace while it runs."""

    thresholds: Thresholds
    is_on: bool  # False: nothing is looked for, and every result is empty

    @property
    def name(self) -> str: ...
    @property
    def runtime(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...


class EditablePlaces(Protocol):
    """The zones, lines and masks of the run, as tables of the configuration file; to read or replace while it runs."""

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Those that count now, by the keys zones, lines and masks."""
        ...

    def replace(self, tables: dict[str, list[dict[str, Any]]]) -> None:
        """Use others from the next frame on; any thread may call it.

        Raises `ConfigError` and changes nothing if any of them cannot be used.
        """
        ...

    def check(self, tables: dict[str, list[dict[str, Any]]]) -> None:
        """Raises `ConfigError` if `replace` would; changes nothing."""
        ...

    def counts(self) -> Sequence[PlaceCount]:
        """What has been counted at each zone and line since the run began; any thread may call it."""
        ...


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The configuration file of the run."""

    path: Path
    flags: frozenset[str] = frozenset()  # options that the command line sets, so that the file's values do not count


@dataclass(frozen=True, slots=True)
class Context:
    """Given to every sink when it is opened."""

    config: Config
    detector: Adjustable
    meter: Meter  # frames per second, latency, drops, temperature; the loop updates it with every result
    live: bool  # a camera (drop what is late) or a file (lose nothing)
    stop: Callable[[], None]  # ends the program normally, with exit code 0; any thread may call it
    config_file: ConfigFile | None = None  # None: the run has no configuration file
    places: EditablePlaces | None = None  # None: the run has no zones, lines or masks, and cannot get any
    models: ModelChanges | None = None  # None: the run cannot get another model
    camera: str = ""  # the one of several that this sink is for; "": all there are
    zones_elsewhere: frozenset[str] = frozenset()  # the names of zones that only other cameras have
    camera_places: Mapping[str, EditablePlaces] = field(default_factory=dict)  # `places` of each camera with a name
    is_one_of_several: bool = False  # there are such sinks for other cameras, too

    @property
    def cameras(self) -> tuple[str, ...]:
        """The names of the cameras that this sink is for; none where there is one alone, without a name."""
        return (self.camera,) if self.camera else tuple(camera.name for camera in self.config.cameras)

    @property
    def zone_names(self) -> frozenset[str]:
        """All that an option may name, also those that other cameras have."""
        return self.zones_elsewhere | {zone.name for zone in self.config.zones}

    def of_camera(self, camera: Camera) -> Context:
        """For a sink that has only the results of ``camera``."""
        zones = {zone.name for each in self.config.cameras for zone in each.zones}
        elsewhere = frozenset(zones - {zone.name for zone in camera.zones})
        return replace(
            self,
            config=self.config.of_camera(camera),
            camera=camera.name,
            zones_elsewhere=elsewhere,
            places=self.places_of(camera.name),
            is_one_of_several=len(self.config.cameras) > 1,
        )

    def places_of(self, camera: str) -> EditablePlaces | None:
        """Those of the camera of that name; "": those of the one that this sink is for."""
        return self.camera_places.get(camera) if camera else self.places

    def tells_visits(self, result: Result) -> bool:
        """Whether the visits of ``result`` say what is seen: not of photographs, nor where nothing is tracked."""
        return self.config.track and result.frame.file is None
