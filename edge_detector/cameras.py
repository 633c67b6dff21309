"""One of several cameras, as it is configured: its name, its source, and what counts before it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.options import option
from edge_detector.toml import to_toml
from edge_detector.track.places import TABLES, Line, Mask, Places, Zone, as_toml

NAME = re.compile(r"(?:[^\W_]|-){1,32}")  # it is part of file names, where _ ends it, and of MQTT topics
FASTEST_MIN_FPS = 1000.0


@dataclass(frozen=True, slots=True)
class Camera:
    """One of the cameras of a run. Raises `ConfigError` for a value that cannot be used."""

    source: str = option(MISSING, "as source says where there is one camera alone")
    name: str = option("", "what events, files and topics call it; none: camera-1, camera-2, ...")
    source_credentials: Path | None = option(None, "a file with user:password for it; none: as for all")
    size: tuple[int, int] | None = option(None, "picture size asked of it; none: as for all")
    fps: float | None = option(None, "frames per second asked of it; none: as for all")
    min_fps: float = option(0.0, "the model takes at least so many of its frames a second, if it can; 0: its share")
    confidence: float | None = option(None, "lowest score that counts here, above that of all; none: as for all")
    classes: tuple[str, ...] = option((), "report only these of what is reported at all; none: all of them")
    zones: tuple[Zone, ...] = option((), "parts of its picture; see docs/zones.md")
    lines: tuple[Line, ...] = option((), "lines in its picture; see docs/zones.md")
    masks: tuple[Mask, ...] = option((), "parts of its picture that are left out, or black; see docs/zones.md")

    def __post_init__(self) -> None:
        if self.name and not NAME.fullmatch(self.name):
            raise ConfigError(
                f"a camera has the name {self.name!r}; expected at most 32 letters, digits and -, such as 'porch': "
                "files and topics have it in their names"
            )
        if self.confidence is not None and not 0.0 <= self.confidence <= 1.0:
            raise ConfigError(f"{self}: confidence is {self.confidence:g}; expected a fraction from 0 to 1")
        if not 0.0 <= self.min_fps <= FASTEST_MIN_FPS:
            raise ConfigError(f"{self}: min_fps is {self.min_fps:g}; expected 0 to {FASTEST_MIN_FPS:g}")
        _ = self.places

    def __str__(self) -> str:
        return f"camera {self.name or self.source!r}"

    @property
    def places(self) -> Places:
        """Its zones and lines. Raises `ConfigError` if two have one name."""
        return Places(self.zones, self.lines)

    @property
    def without_places(self) -> Camera:
        """What only a restart can change."""
        return replace(self, zones=(), lines=(), masks=())


def named(cameras: Iterable[Camera]) -> tuple[Camera, ...]:
    """Each with a name. Raises `ConfigError` if two have the same."""
    found = tuple(
        camera if camera.name else replace(camera, name=unnamed(number)) for number, camera in enumerate(cameras)
    )
    seen: set[str] = set()
    for camera in found:
        if camera.name.casefold() in seen:
            raise ConfigError(f"two cameras have the name {camera.name!r}; results name their camera: rename one")
        seen.add(camera.name.casefold())
    return found


def unnamed(number: int) -> str:
    """The name of a camera that has none, by its number from 0."""
    return f"camera-{number + 1}"


def cameras_as_toml(cameras: Iterable[Camera]) -> str:
    """The tables ``[[source]]`` with the zones, lines and masks of each, without the values that are the default."""
    return "\n".join(map(_as_toml, cameras))


def _as_toml(camera: Camera) -> str:
    values: dict[str, Any] = {
        item.name: value
        for item in fields(camera)
        if item.name not in TABLES and (value := getattr(camera, item.name)) != item.default
    }
    places = [as_toml(f"source.{kind}", getattr(camera, kind)) for kind in TABLES if getattr(camera, kind)]
    return "\n".join([f"[[source]]\n{to_toml(values)}", *places])
