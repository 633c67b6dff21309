"""The sources of several cameras in one run, opened and closed together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from edge_detector.cameras import Camera
from edge_detector.config import Config
from edge_detector.errors import ConfigError, SourceError
from edge_detector.resource import Resource
from edge_detector.sources import open_source
from edge_detector.sources.base import Source
from edge_detector.sources.lasting import LastingSource
from edge_detector.types import Size


@dataclass(frozen=True, slots=True)
class CameraSource:
    """One camera of several, and where its frames come from."""

    camera: Camera
    config: Config  # as if it were the only one
    source: Source

    def lost(self) -> str:
        """Why there are no frames now, as far as the source knows; "" if there are."""
        return self.source.trouble if isinstance(self.source, LastingSource) else ""


class CameraSources(Resource):
    """All cameras of ``config``. Cameras that are lost are opened again; one camera alone ends the run as ever.

    Raises `ConfigError` for what is no source, and for cameras and films in one run.
    """

    def __init__(
        self,
        config: Config,
        *,
        picture_size: Callable[[Size], Size],
        lost_at_start: bool = False,
        make: Callable[..., Source] = open_source,
    ) -> None:
        """``picture_size``: of a frame for the model. ``lost_at_start``: some may be missing, if one is there."""
        self._lost_at_start = lost_at_start
        self.each = [
            _camera_source(config, camera, lambda own: make(own, model_size=picture_size(own.size)))
            for camera in config.cameras
        ]
        if len({each.source.live for each in self.each}) > 1:
            films = [each.camera.name for each in self.each if not each.source.live]
            raise ConfigError(
                f"cameras and films in one run: {', '.join(films)} would wait for the model where cameras drop frames; "
                "with --realtime films are played like cameras"
            )
        self.live = self.each[0].source.live

    def __repr__(self) -> str:
        return f"<CameraSources {', '.join(f'{each.camera.name}: {each.source!r}' for each in self.each)}>"

    @property
    def reconnects(self) -> int:
        """Attempts to get a lost camera back."""
        return sum(each.source.reconnects for each in self.each)

    def open(self) -> None:
        """Raises `SourceError` that names the camera."""
        lost: list[SourceError] = []
        for each in self.each:
            try:
                each.source.open()
            except SourceError as error:
                lost.append(type(error)(f"{each.camera}: {error}"))
        if lost and (not self._lost_at_start or len(lost) == len(self.each)):
            self.close()
            raise lost[0]

    def stop(self) -> None:
        """End all iterations before their deadlines if possible; called from any thread."""
        for each in self.each:
            each.source.stop()

    def close(self) -> None:
        """Close all. Raises what the last one to fail raises."""
        _close([each.source for each in self.each])


def _close(sources: Iterable[Source]) -> None:
    errors: list[SourceError] = []
    for source in sources:
        try:
            source.close()
        except SourceError as error:
            errors.append(error)
    if errors:
        raise errors[-1]


def _camera_source(config: Config, camera: Camera, make: Callable[[Config], Source]) -> CameraSource:
    own = config.of_camera(camera)
    try:
        source = make(own)
    except ConfigError as error:
        raise ConfigError(f"{camera}: {error}") from None
    lasts = source.live and len(config.cameras) > 1
    return CameraSource(camera, own, LastingSource(source, partial(make, own)) if lasts else source)
