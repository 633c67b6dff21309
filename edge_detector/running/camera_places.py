"""The zones, lines and masks of each of several cameras."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from edge_detector.config import Config
from edge_detector.errors import ConfigError
from edge_detector.running.places import LivePlaces
from edge_detector.types import Result


class CameraPlaces:
    """The `LivePlaces` of each camera, by its name."""

    def __init__(self, config: Config, labels: Callable[[], tuple[str, ...]]) -> None:
        """``labels()``: the classes of the model. Raises `ConfigError` for one that it lacks."""
        self._labels = labels
        self._each = _places(config, labels)

    def __repr__(self) -> str:
        return f"<CameraPlaces {self._each}>"

    def __getitem__(self, camera: str) -> LivePlaces:
        return self._each[camera]

    @property
    def each(self) -> Mapping[str, LivePlaces]:
        """All of them."""
        return self._each

    def without_ignored(self, results: Iterable[Result]) -> Iterator[Result]:
        """See `LivePlaces.without_ignored`."""
        return (self._each[result.camera].look_away(result) for result in results)

    def counted(self, results: Iterable[Result]) -> Iterator[Result]:
        """See `LivePlaces.counted`."""
        for result in results:
            self._each[result.camera].count(result)
            yield result

    def use(self, config: Config) -> str:
        """Use the places of the cameras of the same name in ``config``; returns what is drawn now, where that differs.

        Raises `ConfigError` and changes nothing if any of it cannot be used.
        """
        _places(config, self._labels)  # all or none
        wanted = {camera.name: config.of_camera(camera) for camera in config.cameras if camera.name in self._each}
        said = {name: self._each[name].use(own) for name, own in wanted.items()}
        return ", ".join(f"{name}: {words}" for name, words in said.items() if words)


def _places(config: Config, labels: Callable[[], tuple[str, ...]]) -> dict[str, LivePlaces]:
    found: dict[str, LivePlaces] = {}
    for camera in config.cameras:
        try:
            found[camera.name] = LivePlaces(config.of_camera(camera), labels)
        except ConfigError as error:
            raise ConfigError(f"{camera}: {error}") from None
    return found
